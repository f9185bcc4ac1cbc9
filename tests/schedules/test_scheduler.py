"""Beat: what is due becomes a job, once, whatever is away."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, PeriodicTask

from celery_app import app
from jobs.models import IdempotencyKey, Job
from jobs.schedules import Scheduler
from jobs.schedules.fire import fire
from jobs.schedules.scheduler import AGAIN_SECONDS
from tests import embedded_servers
from tests.schedules.conftest import KIND, run_due
from tests.waiting import eventually

MakeSchedule = Callable[..., PeriodicTask]
MakeBeat = Callable[[], Scheduler]


@contextmanager
def without(server: Any) -> Iterator[None]:
    if server is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    server.kill()
    try:
        yield
    finally:
        server.start()


def test_what_is_due_becomes_a_job_like_any_other(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    schedule = make_schedule(priority=7)

    run_due(make_beat())

    job = Job.objects.get()
    assert (job.kind, job.queue, job.priority, job.door) == (KIND, "notes", 7, "schedule")
    assert job.payload == {"text": "hello"}
    assert job.owner.get_username() == "millrace.schedules"
    key = IdempotencyKey.objects.get()
    due = schedule.last_run_at + timedelta(minutes=10)
    assert (key.scope, key.key) == (f"schedule:{schedule.pk}", due.isoformat())


def test_what_ran_is_remembered_with_the_job(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    before = make_schedule()

    run_due(make_beat())

    after = PeriodicTask.objects.get()
    assert after.total_run_count == 1
    assert after.last_run_at > before.last_run_at + timedelta(minutes=10)


def test_a_beat_that_died_after_firing_does_not_fire_again(
    make_schedule: MakeSchedule, make_beat: MakeBeat
) -> None:
    make_schedule()
    run_due(make_beat())

    run_due(make_beat())

    assert Job.objects.count() == 1


def test_two_beats_make_one_job(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    """The race: both read the schedule, both find it due, both fire."""
    make_schedule()
    first, second = make_beat(), make_beat()

    run_due(first)
    run_due(second)

    assert Job.objects.count() == 1
    assert PeriodicTask.objects.get().total_run_count == 1


def test_two_beats_at_the_same_moment_make_one_job(make_schedule: MakeSchedule) -> None:
    """The race: both are past the look and before the commit."""
    schedule = make_schedule()
    now, together = timezone.now(), threading.Barrier(2)

    def beat() -> None:
        together.wait()
        fire(schedule.pk, schedule.schedule, last=schedule.last_run_at, now=now)
        connection.close()

    beats = [threading.Thread(target=beat) for _ in range(2)]
    for thread in beats:
        thread.start()
    for thread in beats:
        thread.join()

    assert Job.objects.count() == 1


def test_the_key_holds_where_the_memory_of_the_run_was_lost(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule()
    at = {"last": schedule.last_run_at, "now": timezone.now()}

    first = fire(schedule.pk, schedule.schedule, **at)
    PeriodicTask.objects.update(last_run_at=schedule.last_run_at)
    second = fire(schedule.pk, schedule.schedule, **at)

    assert first.job == second.job


def test_a_dead_broker_holds_up_no_scheduled_job(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    make_schedule()
    beat = make_beat()

    with without(embedded_servers.REDIS):
        run_due(beat)

    assert Job.objects.count() == 1


def test_a_schedule_that_is_due_while_the_database_is_away_fires_when_it_is_back(
    make_schedule: MakeSchedule, make_beat: MakeBeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.schedules.scheduler.AGAIN_SECONDS", 0.05)
    make_schedule()
    beat = make_beat()

    with without(embedded_servers.POSTGRES):
        for _ in range(5):
            beat.tick()

    eventually(lambda: run_due(beat) and Job.objects.count() == 1)
    assert PeriodicTask.objects.get().total_run_count == 1


def test_beat_starts_while_the_database_is_away(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    make_schedule()
    connection.close()

    with without(embedded_servers.POSTGRES):
        beat = make_beat()
        assert beat.tick() == AGAIN_SECONDS

    eventually(lambda: run_due(beat) and Job.objects.count() == 1)


def test_a_payload_that_no_longer_fits_is_told_and_stops_nobody(
    make_schedule: MakeSchedule, make_beat: MakeBeat, caplog: pytest.LogCaptureFixture
) -> None:
    make_schedule("bad", kwargs='{"words": 1}')
    make_schedule("positional", args="[1]")
    make_schedule("good")

    run_due(make_beat())

    assert [job.payload for job in Job.objects.all()] == [{"text": "hello"}]
    refused = [line for line in caplog.messages if "schedule_refused" in line]
    assert len(refused) == 2
    assert any("'bad'" in line and "text: Field required" in line for line in refused)


def test_an_edit_is_seen_without_a_restart(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    schedule = make_schedule(enabled=False)
    beat = make_beat()
    run_due(beat)

    schedule.enabled, schedule.last_run_at = True, timezone.now() - timedelta(days=1)
    schedule.kwargs = '{"text": "new"}'
    schedule.save()
    run_due(beat)

    assert Job.objects.get().payload == {"text": "new"}


def test_a_one_off_schedule_runs_once(make_schedule: MakeSchedule, make_beat: MakeBeat) -> None:
    clocked = ClockedSchedule.objects.create(clocked_time=timezone.now() - timedelta(seconds=5))
    make_schedule(interval=None, clocked=clocked, one_off=True, last_run_at=None)
    beat = make_beat()

    run_due(beat)
    run_due(beat)
    run_due(make_beat())

    assert Job.objects.count() == 1
    assert IdempotencyKey.objects.get().key == clocked.clocked_time.isoformat()


@pytest.mark.parametrize(
    "fields",
    [
        {"enabled": False},
        {"start_time": timezone.now() + timedelta(days=1)},
        {"expires": timezone.now() - timedelta(days=1)},
    ],
    ids=["disabled", "not yet", "expired"],
)
def test_what_must_not_run_does_not(
    make_schedule: MakeSchedule, make_beat: MakeBeat, fields: dict[str, Any]
) -> None:
    make_schedule(**fields)

    run_due(make_beat())

    assert not Job.objects.exists()


def test_a_schedule_that_was_switched_off_since_beat_read_it_does_not_fire(
    make_schedule: MakeSchedule, make_beat: MakeBeat
) -> None:
    make_schedule()
    beat = make_beat()

    PeriodicTask.objects.update(enabled=False)  # an update tells no Beat
    run_due(beat)

    assert not Job.objects.exists()


def test_a_schedule_that_names_no_kind_is_sent_as_the_celery_task_it_is(
    make_schedule: MakeSchedule, make_beat: MakeBeat, caplog: pytest.LogCaptureFixture
) -> None:
    make_schedule(task="shop.tasks.count", args="[1]", kwargs='{"b": 2}', queue="plain")

    run_due(make_beat())

    with app.connection_for_read() as broker:
        queue = broker.SimpleQueue("plain")
        message = queue.get(block=True, timeout=5)
        message.ack()
        queue.close()
    assert message.headers["task"] == "shop.tasks.count"
    assert message.payload[:2] == [[1], {"b": 2}]
    assert not Job.objects.exists()
    assert PeriodicTask.objects.get().total_run_count == 1
    assert any("schedule_names_no_task" in line for line in caplog.messages)


def test_a_plain_task_waits_for_a_dead_broker_and_holds_up_no_kind(
    make_schedule: MakeSchedule, make_beat: MakeBeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.schedules.scheduler.AGAIN_SECONDS", 0.05)
    plain = make_schedule("a plain task", task="shop.tasks.count", queue="later", kwargs="{}")
    make_schedule("a kind")
    beat = make_beat()

    with without(embedded_servers.REDIS):
        for _ in range(4):
            beat.tick()
        assert Job.objects.count() == 1
        assert PeriodicTask.objects.get(pk=plain.pk).total_run_count == 0

    eventually(lambda: run_due(beat) and PeriodicTask.objects.get(pk=plain.pk).total_run_count == 1)


def test_celery_finds_our_scheduler_by_its_settings() -> None:
    settings_of: Celery = app

    assert settings_of.conf.beat_scheduler == "jobs.schedules:Scheduler"
