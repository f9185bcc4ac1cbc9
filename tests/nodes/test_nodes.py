"""No job is lost or done twice when nodes are killed, restarted, stopped warmly, softly or coldly."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_celery import CeleryTestSetup, CeleryTestWorker

from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, JobEvent, Worker
from tests.waiting import eventually
from tests.workers.test_work import ended

pytestmark = pytest.mark.usefixtures("rings_the_node")


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Jobs that wait go on once it is there."""
    return tmp_path / "gate"


@pytest.fixture
def effects(tmp_path: Path) -> Path:
    log = tmp_path / "effects"
    log.touch()
    return log


def runs(effects: Path) -> Counter[str]:
    """Key → how often its effect happened."""
    return Counter(line.split()[0] for line in effects.read_text().splitlines())


def waiting_jobs(owner: User, count: int, gate: Path, effects: Path) -> list[object]:
    """Jobs with a guarded effect that all wait for the gate; as many as there are slots run."""
    payloads = [{"key": str(n), "log": str(effects), "gate": str(gate)} for n in range(count)]
    return list(submit_many("test.once", payloads, owner=owner))


def running(count: int) -> None:
    eventually(lambda: Job.objects.filter(state="running").count() >= count, 30, f"{count} jobs run")


def gone(worker: CeleryTestWorker) -> None:
    eventually(lambda: worker.container.status == "exited", 30, f"{worker.name()} ends")


def test_both_nodes_are_there(celery_setup: CeleryTestSetup) -> None:
    assert celery_setup.ready(ping=False, control=True, docker=True)
    answers = celery_setup.app.control.ping(timeout=5)
    assert {name for answer in answers for name in answer} == {
        worker.hostname() for worker in celery_setup.worker_cluster
    }


def test_two_nodes_share_the_work(
    celery_setup: CeleryTestSetup, alice: User, gate: Path, effects: Path
) -> None:
    jobs = waiting_jobs(alice, 8, gate, effects)
    running(4)  # two slots each

    gate.touch()

    assert {job.state for job in ended(*jobs)} == {"succeeded"}
    assert runs(effects) == {str(n): 1 for n in range(8)}


def test_the_jobs_of_a_killed_node_run_on_the_other(
    celery_setup: CeleryTestSetup, alice: User, gate: Path, effects: Path
) -> None:
    jobs = waiting_jobs(alice, 8, gate, effects)
    running(4)

    celery_setup.worker.kill()
    gate.touch()

    found = ended(*jobs)
    assert {job.state for job in found} == {"succeeded"}
    assert runs(effects) == {str(n): 1 for n in range(8)}
    assert sum(job.crashes for job in found) == 2, "charged are the two that it ran, and no other"


def test_jobs_outlive_a_broker_that_comes_back_empty(
    celery_setup: CeleryTestSetup, alice: User, gate: Path, effects: Path
) -> None:
    jobs = waiting_jobs(alice, 8, gate, effects)
    running(4)

    celery_setup.broker.restart()
    gate.touch()

    assert {job.state for job in ended(*jobs)} == {"succeeded"}
    assert runs(effects) == {str(n): 1 for n in range(8)}
    assert ended(submit_job("test.ok", {}, owner=alice).id)[0].state == "succeeded"


def test_a_warm_shutdown_lets_running_jobs_end(
    make_worker: Callable[..., CeleryTestWorker], alice: User, gate: Path, effects: Path
) -> None:
    worker = make_worker()
    jobs = waiting_jobs(alice, 4, gate, effects)
    running(2)

    worker.kill(signal="SIGTERM")
    # Celery says "Warm shutdown" a moment before the children know.
    eventually(Worker.objects.filter(is_draining=True).exists, 30, "the worker drains")
    gate.touch()
    gone(worker)

    assert sorted(job.state for job in Job.objects.filter(pk__in=jobs)) == ["queued"] * 2 + ["succeeded"] * 2
    assert len(runs(effects)) == 2


def test_a_soft_shutdown_hands_back_what_takes_too_long(
    make_worker: Callable[..., CeleryTestWorker], alice: User, gate: Path, effects: Path
) -> None:
    """Celery's worker_soft_shutdown_timeout, in our words DRAIN_SECONDS."""
    worker = make_worker(DRAIN_SECONDS="0.5")
    jobs = waiting_jobs(alice, 2, gate, effects)
    running(2)

    worker.kill(signal="SIGTERM")
    gone(worker)

    assert_handed_back(jobs)


def test_a_cold_shutdown_hands_back_at_once(
    make_worker: Callable[..., CeleryTestWorker], alice: User, gate: Path, effects: Path
) -> None:
    worker = make_worker(DRAIN_SECONDS="3600")
    jobs = waiting_jobs(alice, 2, gate, effects)
    running(2)

    worker.kill(signal="SIGQUIT")
    gone(worker)

    assert_handed_back(jobs)


def assert_handed_back(jobs: list[object]) -> None:
    found = Job.objects.filter(pk__in=jobs)
    assert [(job.state, job.failures, job.crashes) for job in found] == [("queued", 0, 0)] * len(jobs)
    assert JobEvent.objects.filter(job__in=jobs, event="released").count() == len(jobs)


def test_a_plain_task_runs_on_the_same_nodes(celery_setup: CeleryTestSetup, tmp_path: Path) -> None:
    celery_setup.app.send_task("tests.fault_app.tasks.touch", [str(tmp_path / "touched")], queue="tasks")

    eventually((tmp_path / "touched").exists, 30, "the task ran")
