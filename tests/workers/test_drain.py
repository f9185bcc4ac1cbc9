"""A deploy waits for no job that takes an hour, and charges none for it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from celery_app import app
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, JobEvent
from tests import embedded_servers
from tests.faults.proxy import Proxy
from tests.waiting import eventually
from tests.worker_process import WorkerProcess, database_url
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import learn_pace, pid_of, running
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


@pytest.mark.parametrize(
    "tell",
    [
        lambda worker: worker.signal(signal.SIGHUP),
        lambda worker: app.control.broadcast("shutdown", destination=[worker.name]),
    ],
    ids=["hangup", "remote control"],
)
def test_however_a_worker_is_told_to_stop_it_waits_no_longer(
    tell: Callable[[WorkerProcess], object], start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """Celery announces only some of the ways; by the others it once waited for as long as the job took."""
    worker = start_worker(slots=1, DRAIN_SECONDS="0.5", LEASE_SECONDS="600")
    job = submit_job("test.fault", {"do": "wait", "gate": str(tmp_path / "never")}, owner=alice).id
    running(job)

    tell(worker)

    eventually(lambda: JobEvent.objects.filter(job=job, event="released").exists(), what="it is handed back")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_kind_that_obeys_nothing_is_ended_and_its_job_handed_back_uncharged(
    number: signal.Signals, start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """It once kept its lease for a minute, and was then charged with the death of its worker."""
    worker = start_worker(slots=2, DRAIN_SECONDS="0.3", LEASE_SECONDS="600")
    swallow = {"do": "swallow", "gate": str(tmp_path / "never")}
    jobs = [submit_job("test.fault", swallow, owner=alice).id for _ in range(2)]
    for job in jobs:
        running(job)

    worker.signal(number)

    worker.wait(60)
    for job in jobs:
        assert_handed_back(job)


def test_what_stood_in_the_batch_of_a_kind_that_obeys_nothing_is_handed_back_too(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    worker = start_worker(slots=1, DRAIN_SECONDS="0.3", LEASE_SECONDS="600")
    learn_pace(alice)
    swallow = {"do": "swallow", "gate": str(tmp_path / "never")}
    jobs = submit_many("test.batch_fault", [swallow, {"do": "ok"}, {"do": "ok"}], owner=alice)
    for job in jobs:
        running(job)

    worker.signal(signal.SIGTERM)

    worker.wait(60)
    for job in jobs:
        assert_handed_back(job)


@pytest.mark.parametrize("fault", [Proxy.cut, Proxy.black_hole])
def test_a_database_that_is_away_holds_up_no_stop(
    fault: Callable[[Proxy], object], start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    """The main waits a few seconds for the burial, as for its farewell; then the lease has to run out."""
    server = embedded_servers.POSTGRES
    if server is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    proxy = Proxy(server.port)
    away = database_url().replace(str(server.port), str(proxy.port))
    worker = start_worker(slots=1, DRAIN_SECONDS="0.3", LEASE_SECONDS="60", DATABASE_URL=away)
    job = submit_job("test.fault", {"do": "swallow", "gate": str(tmp_path / "never")}, owner=alice).id
    running(job)

    fault(proxy)
    worker.signal(signal.SIGTERM)

    assert worker.wait(30) == 0
    proxy.close()
    assert Job.objects.get(pk=job).state == "running"


def test_a_child_that_dies_while_its_worker_stops_is_buried_by_the_main(
    start_worker: StartWorker, alice: User, effects: Path, tmp_path: Path
) -> None:
    """It has no successor any more that could tell what it was at."""
    worker = start_worker(slots=1, LEASE_SECONDS="600")
    wait = {"do": "wait", "gate": str(tmp_path / "never"), "log": str(effects)}
    job = submit_job("test.fault", wait, owner=alice).id
    child = pid_of(effects)
    worker.signal(signal.SIGTERM)
    eventually(worker.is_draining, what="it drains")

    os.kill(child, signal.SIGKILL)

    worker.wait(60)
    found = Job.objects.get(pk=job)
    assert (found.state, found.failures, found.crashes) == ("queued", 0, 1)


def assert_handed_back(job: object) -> None:
    found = Job.objects.get(pk=job)
    assert (found.state, found.failures, found.crashes, found.suspect) == ("queued", 0, 0, False)
    assert JobEvent.objects.filter(job=job, event="released").exists()
