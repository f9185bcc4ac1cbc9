"""Webhooks: endpoints that are told how jobs end, their secrets and their log. One's own; operators: all.

One that hears of everybody's jobs is its owner's to see only while they may operate, and by a token that may.

What shows a secret takes no idempotency key: the table of keys would keep it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router
from ninja.params.functions import Query

from jobs.api.answers import answer
from jobs.api.auth import READ, SUBMIT, holder_of, must_submit
from jobs.api.idempotent import idempotent, keyless
from jobs.api.problems import Refused, Wrong, pointer
from jobs.api.schemas import (
    DeliveriesOut,
    DeliveryOut,
    ReplayedOut,
    ReplayIn,
    WebhookIn,
    WebhookMade,
    WebhookOut,
    WebhookSecretOut,
    WebhooksOut,
)
from jobs.api.shown import time
from jobs.errors import BadPayload
from jobs.models import Webhook
from jobs.tokens import Scope
from jobs.webhooks.deliveries import Line, find_delivery, newest_deliveries
from jobs.webhooks.endpoints import (
    Wish,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    find_endpoint,
    visible_endpoints,
)
from jobs.webhooks.message import message_id
from jobs.webhooks.replay import replay_delivery, replay_failed, send_test
from jobs.webhooks.secrets import rotate_secret

if TYPE_CHECKING:
    from django.contrib.auth.models import User

router = Router(tags=["webhooks"])

SECRET = {"Cache-Control": "no-store"}
"""An answer that shows a secret is kept by nobody on its way."""


@router.get("/webhooks", auth=READ, response=WebhooksOut, summary="List webhook endpoints")
def list_webhooks(request: HttpRequest) -> HttpResponse:
    """Yours, the newest first; operators see everybody's."""
    return answer({"webhooks": [shown(webhook) for webhook in visible_endpoints(request.user)]})


@router.post("/webhooks", auth=SUBMIT, response={201: WebhookMade}, summary="Make a webhook endpoint")
@keyless
def add_webhook(request: HttpRequest, given: WebhookIn) -> HttpResponse:
    """From now on events are posted to `url`. Its `secret` is shown this once."""
    must_change(request)
    with pointed_at():
        webhook, secret = create_endpoint(cast("User", request.user), wish_of(given))
    made = shown(webhook)
    headers = {"Location": made["links"]["self"], **SECRET}
    return answer(made | {"secret": secret}, status=201, headers=headers)


@router.get("/webhooks/{uuid:id}", auth=READ, response=WebhookOut, summary="Get a webhook endpoint")
def get_webhook(request: HttpRequest, id: UUID) -> HttpResponse:
    """What it hears, and whether it is on, failing or off, and why."""
    return answer(shown(find_endpoint(request.user, id)))


@router.put("/webhooks/{uuid:id}", auth=SUBMIT, response=WebhookOut, summary="Replace a webhook endpoint")
def put_webhook(request: HttpRequest, id: UUID, given: WebhookIn) -> HttpResponse:
    """The whole of it; what is left out takes its default. Its secret and its log stay."""
    webhook = own_webhook(request, id)
    with pointed_at():
        change_endpoint(webhook, wish_of(given), actor=cast("User", request.user))
    return answer(shown(webhook))


@router.delete("/webhooks/{uuid:id}", auth=SUBMIT, response={204: None}, summary="Delete a webhook endpoint")
def remove_webhook(request: HttpRequest, id: UUID) -> HttpResponse:
    """With its secrets and its log; what is under way to it is not sent any more."""
    delete_endpoint(own_webhook(request, id))
    return HttpResponse(status=204)


@router.post(
    "/webhooks/{uuid:id}/rotate", auth=SUBMIT, response=WebhookSecretOut, summary="Rotate the secret"
)
@keyless
def rotate(request: HttpRequest, id: UUID) -> HttpResponse:
    """A new `secret`, shown this once. The old one signs beside it for a while."""
    return answer({"secret": rotate_secret(own_webhook(request, id))}, headers=SECRET)


@router.post("/webhooks/{uuid:id}/enable", auth=SUBMIT, response=WebhookOut, summary="Switch it on")
@idempotent
def enable(request: HttpRequest, id: UUID) -> HttpResponse:
    """Tell it what happens from now on."""
    webhook = own_webhook(request, id)
    enable_endpoint(webhook)
    return answer(shown(webhook))


@router.post("/webhooks/{uuid:id}/disable", auth=SUBMIT, response=WebhookOut, summary="Switch it off")
@idempotent
def disable(request: HttpRequest, id: UUID) -> HttpResponse:
    """Tell it nothing more. What happens meanwhile is not kept for it."""
    webhook = own_webhook(request, id)
    disable_endpoint(webhook, why=f"{request.user.get_username()} switched it off.")
    return answer(shown(webhook))


@router.post("/webhooks/{uuid:id}/test", auth=SUBMIT, response={202: DeliveryOut}, summary="Send it a test")
@idempotent
def test(request: HttpRequest, id: UUID) -> HttpResponse:
    """An event `webhook.test`, about no job."""
    webhook = own_webhook(request, id)
    return answer_under_way(webhook, send_test(webhook).id)


@router.post(
    "/webhooks/{uuid:id}/replay", auth=SUBMIT, response=ReplayedOut, summary="Send again what failed"
)
@idempotent
def replay(request: HttpRequest, id: UUID, given: ReplayIn) -> HttpResponse:
    """Every delivery that was given up `since` then, each under its old id."""
    return answer({"replayed": replay_failed(own_webhook(request, id), given.since)})


@router.get("/webhooks/{uuid:id}/deliveries", auth=READ, response=DeliveriesOut, summary="Get its log")
def list_deliveries(
    request: HttpRequest,
    id: UUID,
    limit: int = Query(25, ge=1, le=100),
    before: UUID | None = Query(None, description="`next` of the page before."),
) -> HttpResponse:
    """What it was told, the newest first, with every try."""
    webhook = find_endpoint(request.user, id)
    lines = newest_deliveries(webhook, limit + 1, before=edge(webhook, before))
    shown_lines = lines[:limit]
    more = str(shown_lines[-1].delivery.id) if len(lines) > limit else None
    return answer({"deliveries": [shown_line(line) for line in shown_lines], "next": more})


@router.get(
    "/webhooks/{uuid:id}/deliveries/{uuid:delivery}",
    auth=READ,
    response=DeliveryOut,
    summary="Get a delivery",
)
def get_delivery(request: HttpRequest, id: UUID, delivery: UUID) -> HttpResponse:
    """How far it is, and every try."""
    return answer(shown_line(find_delivery(find_endpoint(request.user, id), delivery)))


@router.post(
    "/webhooks/{uuid:id}/deliveries/{uuid:delivery}/replay", auth=SUBMIT, response={202: DeliveryOut},
    summary="Send a delivery again",
)  # fmt: skip
@idempotent
def replay_one(request: HttpRequest, id: UUID, delivery: UUID) -> HttpResponse:
    """Under its old id, whether it was delivered or given up; 409 while it is under way."""
    webhook = own_webhook(request, id)
    find_delivery(webhook, delivery)
    replay_delivery(webhook, delivery)
    return answer_under_way(webhook, delivery)


def own_webhook(request: HttpRequest, id: UUID) -> Webhook:
    """The endpoint, for somebody who changes it; raises NotFound, NotAllowed or Refused."""
    must_change(request)
    return find_endpoint(request.user, id)


def must_change(request: HttpRequest) -> None:
    """What an endpoint hears its owner could also read, so a token needs that scope as well."""
    must_submit(request)
    if Scope.READ not in holder_of(request).scopes:
        raise Refused("missing_scope", "Changing endpoints needs a token with the scope 'read' as well.")


def wish_of(given: WebhookIn) -> Wish:
    return Wish(**given.model_dump())


@contextmanager
def pointed_at() -> Iterator[None]:
    """What does not fit the endpoint, with pointers into the body."""
    try:
        yield
    except BadPayload as error:
        wrong = [Wrong(pointer(problem.where), problem.why, "bad_value") for problem in error.problems]
        raise Refused("invalid", str(error), errors=wrong) from None


def edge(webhook: Webhook, before: UUID | None) -> tuple[datetime, UUID] | None:
    """Where the page begins; raises Refused for a delivery that is not in the log."""
    if before is None:
        return None
    found = webhook.deliveries.filter(id=before).first()
    if found is None:
        why = "There is no such delivery in this log any more. Begin again without `before`."
        raise Refused("invalid", why, errors=[Wrong("query:before", why, "unknown_delivery")])
    return found.at, found.id


def answer_under_way(webhook: Webhook, delivery: UUID) -> HttpResponse:
    """202, and where to look how it goes."""
    found = shown_line(find_delivery(webhook, delivery))
    return answer(found, status=202, headers={"Location": found["links"]["self"], "Retry-After": "1"})


def shown(webhook: Webhook) -> dict[str, Any]:
    """An endpoint, without its secret."""
    here = reverse("millrace_api:get_webhook", args=[webhook.id])
    return {
        "id": str(webhook.id),
        "owner": webhook.owner.get_username(),
        **{name: getattr(webhook, name) for name in ("url", "description", "events", "kinds", "queues")},
        "is_for_all": webhook.is_for_all,
        "is_enabled": webhook.is_enabled,
        "disabled_reason": webhook.disabled_reason,
        "failing_since": time(webhook.failing_since),
        "created_at": time(webhook.created_at),
        "links": {"self": here, "deliveries": f"{here}/deliveries"},
    }


def shown_line(line: Line) -> dict[str, Any]:
    """A delivery and its tries."""
    delivery = line.delivery
    here = reverse("millrace_api:get_delivery", args=[delivery.webhook_id, delivery.id])
    return {
        "id": str(delivery.id),
        "webhook_id": message_id(delivery.id),
        "event": delivery.event,
        "job": str(delivery.job) if delivery.job else None,
        "at": time(delivery.at),
        "progress": line.progress.value,
        "delivered_at": time(delivery.delivered_at),
        "next_at": time(line.next_at),
        "tries": [
            {
                "at": time(one.at),
                "status": one.status,
                "milliseconds": one.milliseconds,
                "answer": one.answer,
                "error": one.error,
            }
            for one in line.tries
        ],
        "links": {"self": here} | ({"carrier": address_of(delivery.carrier)} if delivery.carrier else {}),
    }


def address_of(job: UUID) -> str:
    """Where the job is."""
    return reverse("millrace_api:get_job", args=[job])
