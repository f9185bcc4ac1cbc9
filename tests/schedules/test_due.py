"""The time for which a schedule fires, whoever looks and however late."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import schedule as interval
from django_celery_beat.clockedschedule import clocked
from django_celery_beat.tzcrontab import TzAwareCrontab

from jobs.schedules.due import due_time

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(1996, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=3), timedelta(hours=20)])
@pytest.mark.parametrize("last", [LONG_AGO, datetime(2026, 11, 21, 3, 0, 1, tzinfo=UTC)])
def test_a_nightly_crontab_is_due_at_night_however_late_it_fires(late: timedelta, last: datetime) -> None:
    night = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    nightly = TzAwareCrontab(minute="0", hour="3", tz=UTC)

    assert due_time(nightly, last=last, now=night + late) == night


def test_a_crontab_keeps_the_hours_of_its_own_time_zone() -> None:
    nightly = TzAwareCrontab(minute="30", hour="1", tz=BERLIN)

    due = due_time(nightly, last=LONG_AGO, now=datetime(2026, 7, 1, 12, 0, tzinfo=UTC))

    assert due == datetime(2026, 6, 30, 23, 30, tzinfo=UTC)


def test_the_hour_that_comes_twice_counts_twice_for_what_runs_every_hour() -> None:
    first, second = (datetime(2026, 10, 25, hour, 31, tzinfo=UTC) for hour in (0, 1))  # both 2:31 in Berlin
    hourly = TzAwareCrontab(minute="30", tz=BERLIN)
    nightly = TzAwareCrontab(minute="30", hour="2", tz=BERLIN)

    assert due_time(hourly, last=LONG_AGO, now=first) != due_time(hourly, last=LONG_AGO, now=second)
    assert due_time(nightly, last=LONG_AGO, now=first) == due_time(nightly, last=LONG_AGO, now=second)


def test_a_leap_day_is_found_years_later() -> None:
    leap = TzAwareCrontab(minute="0", hour="0", day_of_month="29", month_of_year="2", tz=UTC)

    due = due_time(leap, last=LONG_AGO, now=datetime(2031, 6, 1, tzinfo=UTC))

    assert due == datetime(2028, 2, 29, tzinfo=UTC)


def test_an_interval_is_due_when_it_is_over() -> None:
    last = datetime(2026, 11, 22, 10, 0, 7, tzinfo=UTC)

    due = due_time(interval(90), last=last, now=last + timedelta(seconds=95))

    assert due == last + timedelta(seconds=90)


def test_a_clocked_schedule_is_due_at_its_time() -> None:
    at = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    assert due_time(clocked(at), last=LONG_AGO, now=at + timedelta(days=1)) == at
