"""Fire a schedule: submit the job it stands for, and remember that it ran, in one transaction.

Two Beats may find the same schedule due. The row of the schedule is locked, so one of them fires and the
other sees that it ran; the idempotency key (schedule and due time) holds even where their clocks differ.
If we die before the commit nothing happened, and the next Beat finds it due; after it, the job is accepted.
"""

from __future__ import annotations

import json
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django_celery_beat.models import PeriodicTask

from jobs.errors import BadPayload, Problem
from jobs.failpoints import reach
from jobs.idempotency import Key
from jobs.lifecycle.submit import submit_job
from jobs.owners import service_user
from jobs.schedules.due import due_time

OWNER = "schedules"
DOOR = "schedule"


class Fate(Enum):
    """What came of a firing."""

    SUBMITTED = "submitted"
    FIRED_ELSEWHERE = "fired elsewhere"
    GONE = "gone"


class Firing(NamedTuple):
    """What came of it, the job if there is one, and when the schedule last ran."""

    fate: Fate
    job: UUID | None
    last: datetime


def fire(task: int, schedule: Any, *, last: datetime, now: datetime) -> Firing:
    """Submit what the schedule names. `last` is when it ran as far as the caller knows.

    Raises Refusal if the job cannot be accepted.
    """
    with transaction.atomic():
        row = PeriodicTask.objects.select_for_update().filter(pk=task, enabled=True).first()
        if row is None:
            return Firing(Fate.GONE, None, last)
        if row.last_run_at and row.last_run_at > last and not schedule.is_due(row.last_run_at).is_due:
            return Firing(Fate.FIRED_ELSEWHERE, None, row.last_run_at)
        due = due_time(schedule, last=row.last_run_at or last, now=now)
        submitted = submit_job(
            row.task,
            payload_of(row),
            owner=service_user(OWNER),
            queue=row.queue or None,
            priority=row.priority or 0,
            key=Key(f"schedule:{row.pk}", due.isoformat()),
            door=DOOR,
        )
        reach("tick.after_insert")
        remember_run(task, now)
    return Firing(Fate.SUBMITTED, submitted.id, now)


def remember_run(task: int, now: datetime) -> None:
    """An update, not a save: it touches what we know, and tells no Beat to read everything again."""
    PeriodicTask.objects.filter(pk=task).update(last_run_at=now, total_run_count=F("total_run_count") + 1)


def payload_of(row: PeriodicTask) -> dict[str, Any]:
    """The keyword arguments of the schedule, a JSON object; raises BadPayload for anything else."""
    try:
        arguments, payload = json.loads(row.args or "[]"), json.loads(row.kwargs or "{}")
    except ValueError as error:
        raise BadPayload(row.task, [Problem((), f"the arguments are not JSON: {error}")]) from None
    if arguments:
        raise BadPayload(row.task, [Problem((), "a kind takes no positional arguments")])
    if not isinstance(payload, dict):
        raise BadPayload(row.task, [Problem((), "the keyword arguments must be a JSON object")])
    return payload
