"""Record: how a try went, and what follows from it for the endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.functions import Now

from jobs.conf import conf
from jobs.models import Webhook, WebhookDelivery, WebhookTry
from jobs.owners import can_operate
from jobs.text import storable

log = structlog.get_logger(__name__)

GONE = 410
ANSWER_CHARACTERS = 1024


@dataclass(frozen=True, kw_only=True)
class Tried:
    """How one try went. Without a status there was no answer, and `error` says why."""

    milliseconds: int
    status: int | None = None
    answer: str = ""
    error: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def carried_delivery(id: UUID, carrier: UUID) -> WebhookDelivery | None:
    """The delivery, with its endpoint, if this job carries it; None if it is gone or another's by now."""
    found = WebhookDelivery.objects.filter(id=id, carrier=carrier).first()
    if found is None:
        return None
    webhook = Webhook.objects.select_related("owner").filter(pk=found.webhook_id).first()
    if webhook is None:
        return None
    found.webhook = webhook
    return found


def why_not(webhook: Webhook) -> str:
    """Why this endpoint is told nothing; empty if it is. Who lost a right loses what it let through."""
    if not webhook.is_enabled:
        return f"The endpoint is switched off: {webhook.disabled_reason or 'no reason was given'}"
    if not webhook.owner.is_active:
        return switch_off(webhook, "Its owner's account is closed.")
    if webhook.is_for_all and not can_operate(webhook.owner):
        return switch_off(webhook, "It hears of everybody's jobs, and its owner is no operator any more.")
    return ""


@transaction.atomic
def record_try(delivery: WebhookDelivery, tried: Tried) -> None:
    """A line of the log; a success ends a row of failures, 410 or days of nothing else switch it off."""
    webhook = Webhook.objects.filter(pk=delivery.webhook_id)
    WebhookTry.objects.create(
        delivery_id=delivery.pk,
        status=tried.status,
        milliseconds=tried.milliseconds,
        answer=storable(tried.answer)[:ANSWER_CHARACTERS],
        error=storable(tried.error),
    )
    if tried.is_success:
        WebhookDelivery.objects.filter(pk=delivery.pk).update(delivered_at=Now())
        webhook.exclude(failing_since=None).update(failing_since=None)
        return
    webhook.filter(failing_since=None).update(failing_since=Now())
    days = conf().webhook_failing_days
    if tried.status == GONE:
        switch_off(delivery.webhook, "It answered 410 Gone.")
    elif webhook.filter(failing_since__lt=Now() - timedelta(days=days)).exists():
        switch_off(delivery.webhook, f"For {days:g} days every delivery failed.")


def switch_off(webhook: Webhook, why: str) -> str:
    """Tell it nothing more; the reason, which its owner reads."""
    if Webhook.objects.filter(pk=webhook.pk, is_enabled=True).update(is_enabled=False, disabled_reason=why):
        log.warning("webhook_switched_off", webhook=str(webhook.pk), reason=why)
    return f"The endpoint was switched off: {why}"
