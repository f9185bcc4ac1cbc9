"""Make and change schedules: what cannot fire is refused before it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
)

from jobs.errors import BadSchedule, NotFound, Problem
from jobs.registry import KINDS
from jobs.schedules.due import latest_match

FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
"""Of a crontab, in the order of its line."""


class Timing(NamedTuple):
    """When a schedule fires: one of the three."""

    cron: str | None = None
    timezone: str | None = None
    every_seconds: int | None = None
    at: datetime | None = None


class Schedule(NamedTuple):
    """A schedule as people see it; `task` instead of a kind is a plain Celery task of the installation."""

    id: int
    name: str
    kind: str
    payload: Any
    timing: Timing
    queue: str | None
    priority: int
    enabled: bool
    description: str
    last_run_at: datetime | None
    runs: int


def list_schedules() -> list[Schedule]:
    """Those that name a kind, by name; plain Celery tasks are the admin's."""
    kinds = [kind.name for kind in KINDS.all()]
    rows = PeriodicTask.objects.filter(task__in=kinds).select_related("crontab", "interval", "clocked")
    return [seen(row) for row in rows.order_by("name")]


def find_schedule(id: int) -> Schedule:
    """The schedule; raises NotFound."""
    return seen(_row(id))


def make_schedule(
    name: str,
    kind: str,
    payload: Mapping[str, Any],
    timing: Timing,
    *,
    queue: str | None = None,
    priority: int = 0,
    enabled: bool = True,
    description: str = "",
) -> Schedule:
    """A new schedule of this kind, whose payload was checked. Raises BadSchedule."""
    row = PeriodicTask(name=name, task=kind)
    return _save(row, payload, timing, queue, priority, enabled, description)


def change_schedule(
    id: int,
    name: str,
    kind: str,
    payload: Mapping[str, Any],
    timing: Timing,
    *,
    queue: str | None = None,
    priority: int = 0,
    enabled: bool = True,
    description: str = "",
) -> Schedule:
    """The schedule, replaced as a whole. Raises NotFound, or BadSchedule."""
    with transaction.atomic():
        row = _row(id, is_locked=True)
        row.name, row.task = name, kind
        return _save(row, payload, timing, queue, priority, enabled, description)


def switch_schedule(id: int, *, enabled: bool) -> Schedule:
    """Let it fire, or not. One that was off does not make up for what it missed."""
    with transaction.atomic():
        row = _row(id, is_locked=True)
        row.enabled = enabled
        row.save()
        return seen(row)


def delete_schedule(id: int) -> None:
    """It fires no more; its jobs stay."""
    with transaction.atomic():
        _row(id, is_locked=True).delete()


def seen(row: PeriodicTask) -> Schedule:
    """A row as people see it."""
    crontab, interval, clocked = row.crontab, row.interval, row.clocked
    return Schedule(
        id=row.pk,
        name=row.name,
        kind=row.task,
        payload=as_json(row.kwargs),
        timing=Timing(
            cron=" ".join(getattr(crontab, field) for field in FIELDS) if crontab else None,
            timezone=str(crontab.timezone) if crontab else None,
            every_seconds=int(interval.schedule.seconds) if interval else None,
            at=clocked.clocked_time if clocked else None,
        ),
        queue=row.queue or None,
        priority=row.priority or 0,
        enabled=row.enabled,
        description=row.description,
        last_run_at=row.last_run_at,
        runs=row.total_run_count,
    )


def as_json(text: str) -> Any:
    """What the admin let somebody write there; None if it is no JSON."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None


def _save(
    row: PeriodicTask,
    payload: Mapping[str, Any],
    timing: Timing,
    queue: str | None,
    priority: int,
    enabled: bool,
    description: str,
) -> Schedule:
    row.kwargs, row.args = json.dumps(payload, ensure_ascii=False), "[]"
    row.queue, row.priority, row.enabled = queue, priority or None, enabled
    row.description = description
    with transaction.atomic():
        row.crontab, row.interval, row.clocked = None, None, None
        row.one_off = timing.at is not None
        setattr(row, *_when(timing))
        try:
            row.full_clean()
        except ValidationError as error:
            raise BadSchedule(_problems(error)) from None
        row.save()
    return seen(row)


def _when(timing: Timing) -> tuple[str, Any]:
    """The field of the row, and the beat's own row that says when. One that is there is used again."""
    if timing.cron is not None:
        return "crontab", _crontab(timing.cron, timing.timezone or settings.TIME_ZONE)
    if timing.every_seconds is not None:
        found = {"every": timing.every_seconds, "period": IntervalSchedule.SECONDS}
        rows = IntervalSchedule.objects
        return "interval", rows.filter(**found).first() or rows.create(**found)
    if timing.at is not None:
        return "clocked", ClockedSchedule.objects.create(clocked_time=timing.at)
    raise BadSchedule([Problem((), "say when: cron, every_seconds or at")])


def _crontab(line: str, zone: str) -> CrontabSchedule:
    parts = line.split()
    if len(parts) != len(FIELDS):
        why = "give five fields: minute, hour, day of month, month, day of week"
        raise BadSchedule([Problem(("cron",), why)])
    if zone not in available_timezones():
        raise BadSchedule([Problem(("timezone",), f"{zone!r} is no time zone like Europe/Berlin")])
    times = dict(zip(FIELDS, parts, strict=True)) | {"timezone": zone}
    found = CrontabSchedule(**times)
    try:
        found.full_clean()
        latest_match(found.schedule, datetime.now(UTC))
    except ValidationError as error:
        why = "; ".join(error.messages)
        raise BadSchedule([Problem(("cron",), why)]) from None
    except (ValueError, TypeError, KeyError) as error:
        raise BadSchedule([Problem(("cron",), f"it never fires: {error}")]) from None
    rows = CrontabSchedule.objects
    return rows.filter(**times).first() or rows.create(**times)


def _row(id: int, *, is_locked: bool = False) -> PeriodicTask:
    rows = PeriodicTask.objects.select_for_update() if is_locked else PeriodicTask.objects
    found = rows.filter(pk=id, task__in=[kind.name for kind in KINDS.all()]).first()
    if found is None:
        raise NotFound(f"There is no schedule {id}.")
    return found


def _problems(error: ValidationError) -> list[Problem]:
    return [
        Problem(() if field == "__all__" else (field,), "; ".join(messages))
        for field, messages in error.message_dict.items()
    ]
