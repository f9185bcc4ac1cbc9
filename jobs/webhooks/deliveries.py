"""Deliveries as people see them: what was to be told, how far it is, and every try.

How far it is, is asked of the job that carries it, so that the two cannot disagree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from jobs.errors import NotFound
from jobs.models import Job, Webhook, WebhookDelivery, WebhookTry
from jobs.states import State


class Progress(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Line:
    """One delivery of the log. `next_at` is when it is tried again."""

    delivery: WebhookDelivery
    progress: Progress
    next_at: datetime | None = None
    tries: list[WebhookTry] = field(default_factory=list)


def newest_deliveries(
    webhook: Webhook, limit: int, *, before: tuple[datetime, UUID] | None = None
) -> list[Line]:
    """The log of an endpoint, the newest first."""
    found = webhook.deliveries.order_by("-at", "-id")
    if before is not None:
        at, id = before
        found = found.filter(at__lte=at).exclude(at=at, id__gte=id)
    return lines_of(list(found[:limit]))


def find_delivery(webhook: Webhook, id: UUID) -> Line:
    """One delivery of this endpoint; raises NotFound."""
    found = webhook.deliveries.filter(id=id).first()
    if found is None:
        raise NotFound(f"There is no delivery {id} at this endpoint.")
    return lines_of([found])[0]


def lines_of(deliveries: Sequence[WebhookDelivery]) -> list[Line]:
    """Each with how far it is and its tries."""
    carriers = Job.objects.in_bulk(
        [each.carrier for each in deliveries if each.carrier and not each.delivered_at]
    )
    tries: dict[UUID, list[WebhookTry]] = defaultdict(list)
    for one in WebhookTry.objects.filter(delivery_id__in=[each.id for each in deliveries]).order_by("id"):
        tries[one.delivery_id].append(one)
    lines = []
    for each in deliveries:
        job = carriers.get(each.carrier) if each.carrier else None
        next_at = job.run_at if job is not None and job.state == State.RETRYING else None
        lines.append(Line(each, progress_of(each, job), next_at, tries[each.id]))
    return lines


def progress_of(delivery: WebhookDelivery, job: Job | None) -> Progress:
    """How far it is; a carrier that was purged did not deliver it."""
    if delivery.delivered_at is not None:
        return Progress.DELIVERED
    if delivery.carrier is None:
        return Progress.WAITING
    if job is None or job.is_final:
        return Progress.FAILED
    return Progress.RETRYING if job.failures else Progress.WAITING
