"""Rescue waits for two heartbeats of unbroken contact, and one failing step stops no other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobs.conf import conf
from jobs.database import DJANGO
from jobs.models import Job
from tests.clock import Clock
from tests.factories import make_job
from workers import timers as module
from workers.timers import Timers

PAST = datetime.now(UTC) - timedelta(minutes=10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def timers(transactional_db: None, clock: Clock, rung: list[str]) -> Iterator[Timers]:
    timers = Timers()
    for step in timers._steps:
        step.due_at = 0.0
    yield timers
    timers.db.close()


def turns(timers: Timers, clock: Clock, seconds: float) -> None:
    """Turn every gate interval for that long."""
    until = clock.now + seconds
    while clock.now < until:
        timers.turn()
        clock.now += conf().gate_seconds


def test_nothing_is_rescued_before_two_heartbeats_of_contact(timers: Timers, clock: Clock) -> None:
    job = make_job("running", lease=PAST)

    turns(timers, clock, 2 * conf().heartbeat_seconds - 2)
    assert Job.objects.get(pk=job.pk).state == "running"

    turns(timers, clock, 2 * conf().sweep_seconds)
    assert Job.objects.get(pk=job.pk).state == "queued"


def test_after_a_silence_contact_begins_anew(timers: Timers, clock: Clock) -> None:
    turns(timers, clock, 3 * conf().heartbeat_seconds)
    job = make_job("running", lease=PAST)
    clock.now += 2 * conf().heartbeat_seconds + 1  # the database was frozen, or we were

    turns(timers, clock, conf().heartbeat_seconds)

    assert Job.objects.get(pk=job.pk).state == "running"


def test_rare_turns_are_no_silence(timers: Timers, clock: Clock) -> None:
    job = make_job("running", lease=PAST)
    for step in timers._steps:
        step.every_seconds = max(step.every_seconds, conf().heartbeat_seconds + 0.5)  # a turn takes time, too

    turns(timers, clock, 4 * conf().heartbeat_seconds)

    assert Job.objects.get(pk=job.pk).state == "queued"


def test_after_a_lost_connection_contact_begins_anew(timers: Timers, clock: Clock) -> None:
    turns(timers, clock, 3 * conf().heartbeat_seconds)
    job = make_job("running", lease=PAST)
    (backend,) = timers.db.rows("SELECT pg_backend_pid()")[0]
    DJANGO.rows("SELECT pg_terminate_backend(%(pid)s)", {"pid": backend})

    turns(timers, clock, conf().heartbeat_seconds)

    assert Job.objects.get(pk=job.pk).state == "running"


def test_a_step_that_always_fails_stops_no_rescue(timers: Timers, clock: Clock) -> None:
    job = make_job("running", lease=PAST)
    timers._steps[0].run = lambda: timers.db.rows("SELECT 1 / 0")

    turns(timers, clock, 2 * conf().heartbeat_seconds + 2 * conf().sweep_seconds)

    assert Job.objects.get(pk=job.pk).state == "queued"
