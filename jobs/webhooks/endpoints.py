"""Endpoints: make, change and forget them, and see one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from uuid_utils.compat import uuid7

from jobs.bucket import draw
from jobs.conf import conf
from jobs.errors import BadPayload, NotAllowed, NotFound, Problem, Refusal
from jobs.lifecycle.place import QUEUE_NAME
from jobs.models import Webhook
from jobs.owners import can_operate, can_submit, lock_owner
from jobs.registry import KINDS
from jobs.webhooks.guard import BadAddress, aim
from jobs.webhooks.secrets import rotate_secret

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

EVENTS = {
    "job.succeeded": "A job succeeded",
    "job.failed": "A job failed for good",
    "job.cancelled": "A job was cancelled",
    "job.retrying": "An attempt failed, and another will follow",
}
USUAL = ("job.succeeded", "job.failed", "job.cancelled")
DESCRIPTION_CHARACTERS = 200
MOST_FILTERS = 50
LOOK_UP_SECONDS = 1.0
"""How long whoever makes an endpoint waits for the name of its host; every delivery looks it up again."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an endpoint is to hear, and where. Empty kinds and queues mean all of them."""

    url: str
    description: str = ""
    events: Sequence[str] = USUAL
    kinds: Sequence[str] = field(default_factory=list)
    queues: Sequence[str] = field(default_factory=list)
    is_for_all: bool = False


def visible_endpoints(user: User | AnonymousUser) -> QuerySet[Webhook]:
    """One's own; all for operators, and for them alone those that hear of everybody's jobs.

    The log of such a one tells of others' jobs, also to an owner or a token that may not operate any more.
    """
    if can_operate(user):
        return Webhook.objects.select_related("owner")
    return Webhook.objects.filter(owner_id=user.pk, is_for_all=False).select_related("owner")


def find_endpoint(user: User | AnonymousUser, id: UUID) -> Webhook:
    """The endpoint, if it is this person's to see; raises NotFound."""
    found = visible_endpoints(user).filter(id=id).first()
    if found is None:
        raise NotFound(f"There is no webhook endpoint {id}, or it is not yours to see.")
    return found


def create_endpoint(owner: User, wish: Wish) -> tuple[Webhook, str]:
    """A new endpoint and its secret, which is shown this once.

    Raises NotAllowed, Refusal if there are too many, or BadPayload with every problem and where it is; Busy
    after too many changes in a minute, or where its host cannot be looked up now.
    """
    if not can_submit(owner):
        raise NotAllowed("Your account may look, but not make endpoints. Ask for the role “submitter”.")
    count_change(owner)
    check_wish(owner, wish)
    with transaction.atomic():
        lock_owner(owner)
        if Webhook.objects.filter(owner=owner).count() >= conf().webhooks_per_owner:
            raise Refusal(
                f"You have {conf().webhooks_per_owner} endpoints, which is the limit. Delete one first."
            )
        webhook = Webhook.objects.create(id=uuid7(), owner=owner, **columns(wish))
        secret = rotate_secret(webhook)
    webhook.refresh_from_db()
    return webhook, secret


def change_endpoint(webhook: Webhook, wish: Wish, *, actor: User) -> None:
    """Another wish for the same endpoint; its secret stays. Raises like create_endpoint."""
    count_change(actor)
    check_wish(webhook.owner, wish, actor=actor)
    Webhook.objects.filter(pk=webhook.pk).update(**columns(wish))
    webhook.refresh_from_db()


def enable_endpoint(webhook: Webhook) -> None:
    """Tell it again what happens from now on; what happened meanwhile was not kept for it."""
    Webhook.objects.filter(pk=webhook.pk).update(is_enabled=True, disabled_reason="", failing_since=None)
    webhook.refresh_from_db()


def disable_endpoint(webhook: Webhook, *, why: str) -> None:
    """Tell it nothing more, until somebody enables it."""
    Webhook.objects.filter(pk=webhook.pk, is_enabled=True).update(is_enabled=False, disabled_reason=why)
    webhook.refresh_from_db()


def delete_endpoint(webhook: Webhook) -> None:
    """Forget it, with its secrets; what is under way to it is not sent any more.

    Nobody can see its log from now on. That may be long, so the sweep of what is left over takes it in parts.
    """
    Webhook.objects.filter(pk=webhook.pk).delete()


def count_change(actor: User) -> None:
    """Count what makes us look up a name of somebody's choice; raises Busy."""
    draw("endpoints", f"user:{actor.pk}", per_minute=conf().endpoints_per_minute)


def check_wish(owner: User, wish: Wish, *, actor: User | None = None) -> None:
    """Raise BadPayload with everything that is wrong with it, or NotAllowed."""
    if wish.is_for_all and not (can_operate(owner) and can_operate(actor or owner)):
        raise NotAllowed("Only operators may have an endpoint that hears of everybody's jobs.")
    problems = [
        *address_problems(wish.url),
        *(
            Problem(("events", place), unknown("event", event, list(EVENTS)))
            for place, event in enumerate(wish.events)
            if event not in EVENTS
        ),
        *(
            Problem(("kinds", place), unknown("kind", kind, [known.name for known in KINDS.listed()]))
            for place, kind in enumerate(wish.kinds)
            if not makes_events(kind)
        ),
        *(
            Problem(("queues", place), f"{queue!r} is no name of a queue")
            for place, queue in enumerate(wish.queues)
            if not QUEUE_NAME.match(queue)
        ),
    ]
    if not wish.events:
        problems.append(Problem(("events",), "choose at least one"))
    if len(wish.description) > DESCRIPTION_CHARACTERS or "\x00" in wish.description:
        problems.append(Problem(("description",), f"up to {DESCRIPTION_CHARACTERS} characters of text"))
    for name, given in (("kinds", wish.kinds), ("queues", wish.queues)):
        if len(given) > MOST_FILTERS:
            problems.append(Problem((name,), f"up to {MOST_FILTERS}; leave it empty for all of them"))
    if problems:
        raise BadPayload("a webhook endpoint", problems)


def address_problems(url: str) -> list[Problem]:
    """Why this address must not be called, if so."""
    try:
        aim(url, seconds=LOOK_UP_SECONDS)
    except BadAddress as error:
        return [Problem(("url",), str(error))]
    return []


def makes_events(kind: str) -> bool:
    """Whether there is such a kind, and its jobs are told of: not those that tell."""
    found = KINDS.get(kind)
    return found is not None and not found.is_inner


def unknown(what: str, given: str, known: list[str]) -> str:
    near = get_close_matches(given, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
    return f"{given[:100]!r} is no {what} here; {hint}"


def columns(wish: Wish) -> dict[str, object]:
    """The wish as its row keeps it, each filter once."""
    given = asdict(wish)
    for name in ("events", "kinds", "queues"):
        given[name] = list(dict.fromkeys(given[name]))
    return given
