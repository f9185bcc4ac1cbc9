"""When a schedule that fires now was due: the same time from whichever Beat looks.

Celery knows only whether a schedule is due and when to look again. The name of a firing is its due time, so
that it stays the same however late, and however often, somebody fires it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from celery import schedules
from django_celery_beat.clockedschedule import clocked

LONGEST_DAYS = 8 * 366
"""Between two 29ths of February that are eight years apart lies the longest wait of a crontab."""


def due_time(schedule: Any, *, last: datetime, now: datetime) -> datetime:
    """The time for which a schedule that last ran at `last`, and is due `now`, fires."""
    if isinstance(schedule, clocked):
        due: datetime = schedule.clocked_time
    elif isinstance(schedule, schedules.crontab):
        due = latest_match(schedule, now)
    elif isinstance(schedule, schedules.schedule):
        due = last + timedelta(seconds=schedule.seconds)
    else:
        # Sunrise and the like: computed, so it may differ by a hair.
        due = (now + schedule.remaining_estimate(last)).replace(second=0, microsecond=0)
    return due.astimezone(UTC)


def latest_match(cron: Any, now: datetime) -> datetime:
    """The last minute up to now that matches; where several were missed, the others are not made up for."""
    zone = getattr(cron, "tz", UTC)
    # The hour that comes twice in autumn counts twice for what runs every hour, once for what runs at night.
    folds = (1, 0) if len(cron.hour) == 24 else (0,)
    times = [time(hour, minute, fold=fold) for fold in folds for hour in cron.hour for minute in cron.minute]
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=days) for days in range(LONGEST_DAYS)):
        if matches_day(cron, day):
            found = [datetime.combine(day, at, tzinfo=zone).astimezone(UTC) for at in times]
            if past := [at for at in found if at <= now]:
                return max(past)
    raise ValueError(f"{cron} never matches")


def matches_day(cron: Any, day: date) -> bool:
    """Month, day of the month and day of the week must all match, as Celery reads a crontab."""
    return (
        day.month in cron.month_of_year
        and day.day in cron.day_of_month
        and day.isoweekday() % 7 in cron.day_of_week
    )
