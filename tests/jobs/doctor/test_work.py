"""What doctor says of workers, queues and Beat."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs import VERSION
from jobs.doctor import beat, queues
from jobs.doctor.finding import State
from jobs.lifecycle.pause import pause_queue
from jobs.models import Beat, Job, Worker
from jobs.registry import KINDS
from tests.factories import make_job
from tests.jobs.doctor.conftest import Look, ids, of
from tests.workers.conftest import StartWorker, empty_broker, start_worker  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def make_worker(name: str = "w1@here", *, silent_for: float = 0, **fields: object) -> Worker:
    kinds = [kind.name for kind in KINDS.all()]
    columns = {
        "pid": 1,
        "version": VERSION,
        "queues": [*KINDS.queues(), "default"],
        "kinds": kinds,
        "slots": 2,
    }
    worker = Worker.objects.create(id=uuid4(), name=name, **columns | fields)
    Worker.objects.filter(pk=worker.pk).update(beat_at=timezone.now() - timedelta(seconds=silent_for))
    return worker


def make_beat(*, silent_for: float = 0, **fields: object) -> Beat:
    columns = {"name": "here", "pid": 7, "version": VERSION, "tick_seconds": 1.0}
    made = Beat.objects.create(id=uuid4(), **columns | fields)
    Beat.objects.filter(pk=made.pk).update(beat_at=timezone.now() - timedelta(seconds=silent_for))
    return made


def age(job: Job, seconds: float) -> None:
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(seconds=seconds))


def test_no_worker_at_all_is_a_problem(look: Look) -> None:
    found = of(look("workers"), "workers.none")

    assert found.state is State.PROBLEM
    assert found.remedy.startswith("celery -A celery_app worker")


def test_a_worker_that_was_started_again_under_its_name_is_not_missed(look: Look) -> None:
    make_worker("w1@here", silent_for=120)
    make_worker("w1@here")

    assert "workers.silent" not in ids(look("workers"))


def test_a_real_worker_that_listens_to_everything_is_ok(look: Look, start_worker: StartWorker) -> None:  # noqa: F811
    start_worker()

    assert look("workers").seen.text.startswith("1 worker with 2 slots")
    assert look("workers").state is State.OK
    assert look("queues").state is State.OK
    assert look("clock").state is State.OK


def test_a_worker_that_was_killed_is_told_by_name_and_pid(look: Look) -> None:
    make_worker()
    make_worker("w2@gone", pid=4711, silent_for=120)

    found = of(look("workers"), "workers.silent")

    assert "w2@gone (pid 4711, 2 min ago)" in found.found


def test_a_worker_that_drains_takes_nothing(look: Look) -> None:
    make_worker(is_draining=True)

    area = look("workers")

    assert ids(area) == {"workers.none"}
    assert "1 draining" in area.seen.text


def test_versions_and_names_that_clash_are_warnings(look: Look) -> None:
    make_worker(version="0.0.9")
    make_worker()

    area = look("workers")

    assert ids(area) == {"workers.versions", "workers.names"}
    assert "0.0.9: w1@here" in of(area, "workers.versions").found


def test_a_queue_that_no_worker_listens_to_is_told_before_and_after_work_waits(
    look: Look, alice: User
) -> None:
    make_worker(queues=["email"])
    make_job(owner=alice, queue="images")

    warned = [f for f in look("workers").seen.findings if f.id == "workers.unserved"]
    found = of(look("queues"), "queues.unserved")

    assert any("queue images" in one.found for one in warned)
    assert found.state is State.PROBLEM
    assert found.found.startswith("1 job in the queue images")
    assert "-Q images" in found.remedy


def test_a_paused_queue_is_told_with_who_and_why(look: Look, alice: User) -> None:
    make_worker()
    make_job(owner=alice)
    pause_queue("default", actor="ada", reason="the printer burns")

    area = look("queues")

    assert ids(area) == {"queues.paused"}
    assert "by ada, with 1 job waiting: the printer burns." in of(area, "queues.paused").found


def test_a_kind_that_no_worker_knows_is_told_with_how_many_wait(look: Look, alice: User) -> None:
    make_worker(kinds=["other.kind"])
    for _ in range(3):
        make_job(owner=alice, kind="test.ok", ready=False)

    assert "test.ok in default (3)" in of(look("queues"), "queues.unknown_kind").found


def test_what_is_due_or_lost_and_not_moved_is_a_problem(look: Look, alice: User) -> None:
    make_worker()
    long_ago = timezone.now() - timedelta(hours=1)
    make_job("scheduled", owner=alice, run_at=long_ago)
    make_job("running", owner=alice, lease=long_ago)

    area = look("queues")

    assert ids(area) == {"queues.overdue", "queues.lost"}
    assert of(area, "queues.lost").found.startswith("1 job lost")


def test_work_before_a_free_listener_that_does_not_hear_is_told(look: Look, alice: User) -> None:
    make_worker(slots=2)
    make_job("running", owner=alice)
    age(make_job(owner=alice), 300)

    found = of(look("queues"), "queues.deaf")

    assert found.state is State.PROBLEM
    assert "1 of 2 slots" in found.found


def test_work_behind_busy_workers_is_no_deafness(look: Look, alice: User) -> None:
    make_worker(slots=1)
    make_job("running", owner=alice)
    age(make_job(owner=alice), 300)

    assert look("queues").state is State.OK


def test_work_that_is_claimed_between_two_looks_is_no_deafness(
    look: Look, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_worker()
    job = make_job(owner=alice)
    age(job, 300)
    once = queues.again

    def claimed_meanwhile(heads: object) -> object:
        Job.objects.filter(pk=job.pk).delete()
        return once(heads)  # type: ignore[arg-type]

    monkeypatch.setattr(queues, "again", claimed_meanwhile)

    assert look("queues").state is State.OK


def test_schedules_without_a_beat_are_a_problem(look: Look, schedule: None) -> None:
    found = of(look("beat"), "beat.none")

    assert found.state is State.PROBLEM
    assert "every so often" in found.found


def test_without_schedules_nobody_misses_a_beat(look: Look) -> None:
    PeriodicTask.objects.all().delete()

    assert look("beat").state is State.OK


def test_a_beat_that_went_silent_is_told_by_machine_and_pid(look: Look, schedule: None) -> None:
    make_beat(silent_for=300)

    found = of(look("beat"), "beat.silent")

    assert "Beat on here (pid 7) was last heard 5 min ago" in found.found


def test_a_beat_that_hangs_is_no_beat(look: Look, schedule: None) -> None:
    make_beat(tick_seconds=beat.HUNG_SECONDS)

    assert of(look("beat"), "beat.hung").state is State.PROBLEM


def test_two_beats_are_safe(look: Look, schedule: None) -> None:
    make_beat()
    make_beat(name="there")

    area = look("beat")

    assert area.state is State.OK
    assert "2 Beats" in area.seen.text
    assert "safe" in area.seen.text


def test_an_old_beat_and_a_misspelt_kind_are_warnings(look: Look, schedule: None) -> None:
    make_beat(version="0.0.9")
    PeriodicTask.objects.update(task="cleanup.rum")

    area = look("beat")

    assert ids(area) == {"beat.version", "beat.unknown_kind"}
    assert "every so often (cleanup.rum)" in of(area, "beat.unknown_kind").found


@pytest.fixture
def schedule() -> None:
    from django_celery_beat.models import IntervalSchedule

    PeriodicTask.objects.all().delete()
    every = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="every so often", task="cleanup.run", interval=every)
