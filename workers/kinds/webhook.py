"""Deliver an event to a webhook endpoint."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from pydantic import BaseModel, Field

from jobs.conf import conf
from jobs.errors import Busy, Failed, Rejected
from jobs.limit import Limit
from jobs.models import WebhookDelivery
from jobs.outbox import CARRIER
from jobs.registry import Result, job_kind
from jobs.retry import Retry
from jobs.webhooks.guard import BadAddress, aim
from jobs.webhooks.message import body_of, headers_of, message_id
from jobs.webhooks.record import GONE, Tried, carried_delivery, record_try, why_not
from jobs.webhooks.secrets import Unreadable, valid_secrets
from workers.context import Context

# As Standard Webhooks proposes.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
LONGEST_WAIT = timedelta(hours=24)
"""The most that Retry-After is heeded."""
ASKS_FOR_TIME = {429, 503}


class Payload(BaseModel, extra="forbid"):
    """Which delivery; what it says is kept with it."""

    webhook: UUID = Field(title="Endpoint")
    delivery: UUID = Field(title="Delivery")


@job_kind(
    CARRIER,
    title="Deliver a webhook",
    payload=Payload,
    example={
        "webhook": "0196a3c4-0000-7000-8000-000000000001",
        "delivery": "0196a3c4-0000-7000-8000-000000000002",
    },
    queue="webhooks",
    timeout=timedelta(minutes=2),
    retry=Retry(attempts=len(WAITS) + 1, waits=WAITS),
    policy="at_least_once",
    limits=[
        Limit("webhook", by=lambda payload, owner: str(payload.webhook), at_once=conf().webhooks_at_once)
    ],
    is_inner=True,
)
def deliver(context: Context, payload: Payload) -> Result:
    """Running it twice tells it twice, under the same webhook-id, by which receivers know a repetition."""
    delivery = carried_delivery(payload.delivery, context.job)
    if delivery is None:
        return Result(values={"note": "Nothing to deliver: the endpoint is gone, or another job carries it."})
    values = {"webhook_id": message_id(delivery.id), "event": delivery.event}
    if delivery.delivered_at is not None:
        return Result(values=values | {"note": "It had been delivered before."})
    if why := why_not(delivery.webhook):
        raise Rejected(why)
    tried, again_in = send(delivery)
    record_try(delivery, tried)
    if tried.is_success:
        return Result(values=values | {"status": tried.status, "milliseconds": tried.milliseconds})
    if tried.status == GONE:
        raise Rejected("The endpoint answered 410 Gone and was switched off.")
    raise Failed(tried.error, again_in=again_in)


def send(delivery: WebhookDelivery) -> tuple[Tried, timedelta | None]:
    """One try: how it went, and how long the receiver asks to be left alone."""
    from workers.engines.post import post  # the web sends nothing

    started = time.monotonic()
    body = body_of(delivery)
    try:
        headers = headers_of(delivery, body, at=int(time.time()), secrets=valid_secrets(delivery.webhook))
        answer = post(aim(delivery.webhook.url), body, headers, seconds=conf().webhook_seconds)
    except (Failed, BadAddress, Busy, Unreadable) as error:
        return Tried(milliseconds=since(started), error=str(error)), None
    why, again_in = "", None
    if not 200 <= answer.status < 300:
        why = f"The endpoint answered {answer.status}."
        if 300 <= answer.status < 400:
            why += " Redirects are not followed: give the address it leads to."
        if answer.status in ASKS_FOR_TIME:
            again_in = wait_asked(answer.retry_after)
    tried = Tried(milliseconds=since(started), status=answer.status, answer=answer.text, error=why)
    return tried, again_in


def wait_asked(retry_after: str) -> timedelta | None:
    """What Retry-After says, in seconds or as a date, within bounds; None for what says nothing."""
    if retry_after.isascii() and retry_after.isdigit():
        # As a float: Python makes no integer of thousands of digits, and a receiver may send as many.
        return timedelta(seconds=min(float(retry_after), LONGEST_WAIT.total_seconds()))
    try:
        at = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - datetime.now(UTC), timedelta(0)), LONGEST_WAIT)


def since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
