"""A deploy waits for no job that takes an hour, and charges none for it."""

import signal
from pathlib import Path

from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from jobs.models import Job, JobEvent
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import running
from tests.workers.test_work import ended


def test_what_still_runs_after_the_drain_is_handed_back_uncharged(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    worker = start_worker(slots=1, DRAIN_SECONDS="0.5")
    job = submit_job("test.fault", {"do": "wait", "gate": str(tmp_path / "never")}, owner=alice).id
    running(job)

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert_handed_back(job)


def test_quit_to_the_whole_group_hands_back_uncharged(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """Ctrl-\\ in a terminal, or systemd with KillSignal=SIGQUIT."""
    worker = start_worker(slots=1)
    job = submit_job("test.fault", {"do": "wait", "gate": str(tmp_path / "never")}, owner=alice).id
    running(job)

    worker.signal_group(signal.SIGQUIT)

    worker.wait()
    assert_handed_back(job)


def test_a_term_that_is_remapped_to_quit_hands_back_uncharged(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """Some platforms can only send TERM; Celery's REMAP_SIGTERM then makes it a cold shutdown."""
    worker = start_worker(slots=1, REMAP_SIGTERM="SIGQUIT")
    job = submit_job("test.fault", {"do": "wait", "gate": str(tmp_path / "never")}, owner=alice).id
    running(job)

    worker.signal(signal.SIGTERM)

    worker.wait()
    assert_handed_back(job)


def test_a_terminal_that_is_closed_interrupts_no_job(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """Every process of the group gets HUP; Celery's main starts itself anew when its children are done."""
    worker = start_worker(slots=1)
    gate = tmp_path / "gate"
    job = submit_job("test.fault", {"do": "wait", "gate": str(gate)}, owner=alice).id
    running(job)

    worker.signal_group(signal.SIGHUP)
    gate.touch()

    (found,) = ended(job)
    assert (found.state, found.attempt, found.failures) == ("succeeded", 1, 0)


def assert_handed_back(job: object) -> None:
    found = Job.objects.get(pk=job)
    assert (found.state, found.failures, found.crashes) == ("queued", 0, 0)
    assert JobEvent.objects.filter(job=job, event="released").exists()
