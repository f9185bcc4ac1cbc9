"""Webhook endpoints by program: the secret once, others' not there, every mistake named in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from standardwebhooks.webhooks import Webhook as Verifier

from jobs.api.schemas import WebhookEvent
from jobs.conf import Conf
from jobs.database import DJANGO
from jobs.models import Token, Webhook, WebhookDelivery
from jobs.outbox import tell
from jobs.tokens import revoke_tokens
from jobs.webhooks.endpoints import EVENTS, disable_endpoint
from jobs.webhooks.secrets import valid_secrets
from tests.api.conftest import BASE, post, program
from tests.factories import give, make_job, make_user
from tests.webhooks.conftest import inbox, make_endpoint, set_conf
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_endpoints import make_delivery

__all__ = ["inbox", "set_conf"]
pytestmark = pytest.mark.django_db


def put(client: Client, path: str, body: Any) -> Any:
    return client.put(BASE + path, body, content_type="application/json")


def pointers(answer: Any) -> set[str]:
    return {wrong["pointer"] for wrong in answer.json()["errors"]}


def test_an_endpoint_is_made_read_replaced_and_deleted(api: Client, inbox: Receiver) -> None:
    made = post(api, "/webhooks", {"url": inbox.url, "events": ["job.failed"], "kinds": ["email.send"]})
    here = made["Location"]

    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    secret = made.json().pop("secret")
    Verifier(secret)
    assert valid_secrets(Webhook.objects.get()) == [secret]
    without = {name: value for name, value in made.json().items() if name != "secret"}
    assert api.get(here).json() == without
    assert api.get(f"{BASE}/webhooks").json() == {"webhooks": [without]}

    changed = put(api, here.removeprefix(BASE), {"url": inbox.url, "description": "Desk"})
    assert changed.json() == without | {
        "description": "Desk", "kinds": [], "events": ["job.succeeded", "job.failed", "job.cancelled"]
    }  # fmt: skip
    assert api.delete(here).status_code == 204
    assert api.get(here).status_code == 404


def test_an_endpoint_outlives_the_token_that_made_it(api: Client, submitter: User, inbox: Receiver) -> None:
    """It is its owner's: tokens come and go, and a receiver must not fall silent because one was renewed."""
    here = post(api, "/webhooks", {"url": inbox.url})["Location"]

    revoke_tokens([Token.objects.get().pk])

    assert api.get(here).status_code == 401
    assert program(submitter).get(here).json()["is_enabled"]
    tell([make_job("succeeded", owner=submitter).id], db=DJANGO)
    assert WebhookDelivery.objects.filter(event="job.succeeded").count() == 1


def test_everything_wrong_is_pointed_at(api: Client, inbox: Receiver) -> None:
    answer = post(api, "/webhooks", {"url": "http://10.0.0.1/", "kinds": ["email.send", "email.sent"]})
    unfit = post(api, "/webhooks", {"url": 1, "events": ["job.done"], "more": 1})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert pointers(answer) == {"/url", "/kinds/1"}
    assert pointers(unfit) == {"/url", "/events/0", "/more"}
    assert not Webhook.objects.exists()


def test_the_events_it_takes_are_those_there_are() -> None:
    assert set(get_args(WebhookEvent)) == set(EVENTS)


def test_a_rotated_secret_is_new_and_both_are_valid(api: Client, inbox: Receiver) -> None:
    made = post(api, "/webhooks", {"url": inbox.url}).json()

    rotated = post(api, f"/webhooks/{made['id']}/rotate")

    assert rotated["Cache-Control"] == "no-store"
    assert valid_secrets(Webhook.objects.get()) == [rotated.json()["secret"], made["secret"]]


@pytest.mark.parametrize("by", ["stranger", "reader", "writer", "operator"])
def test_who_may_what_with_anothers_endpoint(
    api: Client, office: Client, submitter: User, inbox: Receiver, by: str
) -> None:
    """A stranger: not there. A token that only reads or only submits: the first sees, neither changes."""
    hook = make_endpoint(inbox.url, submitter)
    delivery = make_delivery(hook, make_job("failed"))
    client = {
        "stranger": program(give(make_user("charlie"), "submit_job")),
        "reader": program(submitter, "read"),
        "writer": program(submitter, "submit"),
        "operator": office,
    }[by]
    here = f"/webhooks/{hook.id}"
    seen = [
        client.get(BASE + path).status_code
        for path in (here, f"{here}/deliveries", f"{here}/deliveries/{delivery.id}")
    ]
    changed = [
        put(client, here, {"url": inbox.url}).status_code,
        *(post(client, f"{here}/{act}").status_code for act in ("disable", "enable", "rotate", "test")),
        post(client, f"{here}/replay", {"since": "2099-01-01T00:00:00Z"}).status_code,
        post(client, f"{here}/deliveries/{delivery.id}/replay").status_code,
        client.delete(BASE + here).status_code,
    ]

    expected = {"stranger": (404, {404}), "reader": (200, {403}), "writer": (403, {403})}
    if by == "operator":
        assert (set(seen), changed) == ({200}, [200, 200, 200, 200, 202, 200, 202, 204])
    else:
        assert (set(seen), set(changed)) == ({expected[by][0]}, expected[by][1])
    assert client.get(f"{BASE}/webhooks").json().get("webhooks", []) == (
        [] if by != "reader" else [api.get(BASE + here).json()]
    )


def test_only_operators_hear_of_everybody_and_only_with_that_scope(
    office: Client, operator: User, api: Client, inbox: Receiver
) -> None:
    wish = {"url": inbox.url, "is_for_all": True}

    assert post(api, "/webhooks", wish).status_code == 403
    assert post(program(operator, "submit", "read"), "/webhooks", wish).status_code == 403
    assert post(office, "/webhooks", wish).json()["is_for_all"] is True


def test_endpoints_are_made_and_replaced_only_so_often(
    api: Client, office: Client, inbox: Receiver, setting: Callable[..., None]
) -> None:
    """Each looks up a name of somebody's choice. A limit that is on unless it is switched off."""
    setting(endpoints_per_minute=2)
    made = post(api, "/webhooks", {"url": inbox.url})
    here = f"/webhooks/{made.json()['id']}"
    assert put(api, here, {"url": "https://no-such-host.invalid/"}).status_code == 422

    answers = [post(api, "/webhooks", {"url": inbox.url}), put(api, here, {"url": inbox.url})]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (429, "busy")
        assert answer["RateLimit-Policy"] == '"endpoints";q=2;w=60'
        assert 0 < int(answer["Retry-After"]) <= 30
    assert post(office, "/webhooks", {"url": inbox.url}).status_code == 201
    assert Conf().endpoints_per_minute > 0


@pytest.mark.parametrize("without", ["scope", "right"])
def test_what_hears_of_everybody_is_not_there_for_its_owner_who_may_not_operate(
    operator: User, inbox: Receiver, without: str
) -> None:
    """By a token without that scope, or after the owner lost the role: the log tells of others' jobs."""
    hook = make_endpoint(inbox.url, operator, is_for_all=True)
    delivery = make_delivery(hook, make_job("failed"))
    client = program(operator, "submit", "read") if without == "scope" else program(operator)
    if without == "right":
        operator.user_permissions.remove(Permission.objects.get(codename="operate_job"))
    here = f"/webhooks/{hook.id}"
    log = f"{here}/deliveries"

    answers = [
        *(client.get(BASE + path) for path in (here, log, f"{log}/{delivery.id}")),
        *(post(client, f"{here}/{act}") for act in ("rotate", "test", "disable", "enable")),
        put(client, here, {"url": inbox.url}),
        client.delete(BASE + here),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert client.get(f"{BASE}/webhooks").json() == {"webhooks": []}
    assert program(give(make_user("otto"), "operate_job")).get(BASE + here).status_code == 200


def test_the_log_goes_page_by_page(api: Client, submitter: User, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url, submitter)
    for _ in range(5):
        make_delivery(hook, make_job("failed"))
    path = f"{BASE}/webhooks/{hook.id}/deliveries?limit=2"

    seen, more = [], ""
    while more is not None:
        page = api.get(path + (f"&before={more}" if more else "")).json()
        seen += [line["id"] for line in page["deliveries"]]
        more = page["next"]

    assert seen == [str(id) for id in WebhookDelivery.objects.values_list("id", flat=True)]
    assert api.get(f"{path}&before={uuid4()}").status_code == 422


def test_a_test_is_under_way_and_the_same_key_sends_no_second(
    api: Client, submitter: User, inbox: Receiver
) -> None:
    hook = make_endpoint(inbox.url, submitter)

    first, second = (post(api, f"/webhooks/{hook.id}/test", Idempotency_Key="t") for _ in range(2))

    assert first.status_code == 202
    assert first.json()["progress"] == "waiting"
    assert api.get(first["Location"]).json() == first.json()
    assert second["Idempotent-Replayed"] == "true"
    assert WebhookDelivery.objects.count() == 1


def test_what_is_not_possible_now_is_a_conflict(api: Client, submitter: User, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url, submitter)
    moving = make_delivery(hook, make_job("running"))

    assert post(api, f"/webhooks/{hook.id}/deliveries/{moving.id}/replay").status_code == 409
    disable_endpoint(hook, why="Holidays.")
    assert post(api, f"/webhooks/{hook.id}/test").status_code == 409


def test_failed_deliveries_are_sent_again_since_a_time(api: Client, submitter: User, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url, submitter)
    make_delivery(hook, make_job("failed"))

    answer = post(api, f"/webhooks/{hook.id}/replay", {"since": "2020-01-01T00:00:00+00:00"})

    assert answer.json() == {"replayed": 1}
    assert post(api, f"/webhooks/{hook.id}/replay", {"since": "yesterday"}).status_code == 422


def test_the_kind_that_delivers_is_not_offered(api: Client, db: None) -> None:
    names = {kind["name"] for kind in api.get(f"{BASE}/kinds").json()["kinds"]}

    assert "email.send" in names
    assert "webhooks.deliver" not in names
