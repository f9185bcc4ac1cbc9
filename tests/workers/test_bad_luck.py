"""No accepted job is lost and none is finished twice, whatever is killed, frozen, emptied or restarted."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection

from jobs.broker import RINGER
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, JobEvent
from tests import embedded_servers
from tests.waiting import eventually
from tests.worker_process import SHORT_LEASE
from tests.workers.conftest import StartWorker
from tests.workers.test_work import ended


def learn_pace(owner: User) -> None:
    """A worker that has come to know that jobs of this kind are short takes them in batches.

    Of so many it learns it also where the first are slow, because the machine is.
    """
    ended(*submit_many("test.batch_fault", [{"do": "ok"}] * 40, owner=owner))


def running(job: object) -> Job:
    return eventually(lambda: Job.objects.filter(pk=job, state="running").first(), what="it runs")


def runs(effects: Path) -> Counter[str]:
    """Effect key → how often."""
    return Counter(line.split()[0] for line in effects.read_text().splitlines())


def pid_of(effects: Path) -> int:
    """The process of the newest effect."""
    return int(eventually(effects.read_text).splitlines()[-1].split()[3])


def test_a_killed_child_is_buried_by_its_successor(start_worker: StartWorker, alice: User) -> None:
    start_worker(LEASE_SECONDS="600")

    (job,) = ended(submit_job("test.fault", {"do": "kill", "until_attempt": 2}, owner=alice).id)

    assert (job.state, job.attempt, job.crashes, job.failures) == ("succeeded", 2, 1, 0)
    assert "worker process died" in JobEvent.objects.get(job=job, event="lost").detail


def test_a_job_that_kills_every_worker_is_given_up(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    start_worker()

    (job,) = ended(submit_job("test.fault", {"do": "kill", "log": str(effects)}, owner=alice).id)

    assert (job.state, job.code, job.crashes) == ("failed", "crash_budget", 3)
    assert runs(effects) == {"x": 3}


def test_a_job_whose_workers_die_before_its_outcome_is_recorded_is_given_up(
    start_worker: StartWorker, alice: User
) -> None:
    start_worker(FAULT_TESTS="on", FAILPOINT="finish.before:kill")

    (job,) = ended(submit_job("test.fault", {"do": "ok"}, owner=alice).id)

    assert (job.state, job.code, job.crashes) == ("failed", "crash_budget", 3)


def test_a_poisonous_job_in_a_batch_condemns_no_neighbour(start_worker: StartWorker, alice: User) -> None:
    payloads = [{"key": str(n), "do": "kill" if n == 2 else "ok"} for n in range(10)]
    start_worker(slots=1)
    learn_pace(alice)

    ids = submit_many("test.batch_fault", payloads, owner=alice)

    jobs = ended(*ids)
    assert [job.state for job in jobs] == ["succeeded"] * 2 + ["failed"] + ["succeeded"] * 7
    assert [job.crashes for job in jobs] == [0] * 2 + [3] + [0] * 7


def test_a_crash_runs_again_at_most_one_batch_and_only_of_a_kind_that_may(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    """The child dies before the outcomes of its first whole batch are recorded."""
    log = {"log": str(effects)}
    careful = submit_many("test.ok", ({"key": f"one-{n}", **log} for n in range(30)), owner=alice)
    many = [{"key": f"many-{n}", "do": "kill" if n == 14 else "ok", "until_attempt": 2} for n in range(50)]
    start_worker(slots=1)
    learn_pace(alice)

    batched = submit_many("test.batch_fault", (payload | log for payload in many), owner=alice)

    jobs = ended(*careful, *batched)
    times = runs(effects)
    assert {job.state for job in jobs} == {"succeeded"}
    assert {times[f"one-{n}"] for n in range(30)} == {1}
    assert 1 <= sum(times[f"many-{n}"] - 1 for n in range(50)) <= 10
    assert sum(job.crashes for job in jobs) <= 1


def test_the_job_of_a_killed_main_runs_again_on_another_worker(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    first = start_worker(**SHORT_LEASE)
    job = submit_job(
        "test.fault", {"do": "kill_main", "until_attempt": 2, "log": str(effects)}, owner=alice
    ).id
    first.wait()

    start_worker(**SHORT_LEASE)

    (job_,) = ended(job)
    assert (job_.state, job_.attempt, job_.crashes) == ("succeeded", 2, 1)


def test_a_frozen_worker_cannot_finish_what_was_given_to_another(
    start_worker: StartWorker, alice: User, effects: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    frozen = start_worker(slots=1, **SHORT_LEASE)
    payload = {"do": "wait", "until_attempt": 2, "gate": str(gate), "log": str(effects)}
    job = submit_job("test.fault", payload, owner=alice).id
    running(job)
    frozen.signal_group(signal.SIGSTOP)
    start_worker(slots=1, **SHORT_LEASE)
    (done,) = ended(job)
    assert done.attempt == 2

    gate.touch()
    frozen.signal_group(signal.SIGCONT)

    eventually(lambda: "outcome_dropped" in frozen.log.read_text(), what="the late outcome is refused")
    (job_,) = ended(job)
    assert (job_.state, job_.attempt, job_.version) == ("succeeded", 2, done.version)


def test_jobs_survive_the_loss_of_everything_in_the_broker(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    ids = submit_many("test.ok", ({"key": str(n), "log": str(effects)} for n in range(300)), owner=alice)
    RINGER.flush()
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:
        client.flushall()

    start_worker()

    assert {job.state for job in ended(*ids)} == {"succeeded"}
    assert set(runs(effects).values()) == {1}


def test_submits_do_not_wait_for_a_frozen_broker(start_worker: StartWorker, alice: User) -> None:
    import time

    server = embedded_servers.REDIS
    assert server is not None and server.pid is not None
    worker = start_worker()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        ids = [submit_job("test.ok", {}, owner=alice).id for _ in range(50)]
        assert time.monotonic() - began < 5, "a hundred milliseconds each at the very most"
    finally:
        os.kill(server.pid, signal.SIGCONT)

    assert {job.state for job in ended(*ids)} == {"succeeded"}
    assert worker.main.poll() is None


def test_work_goes_on_after_a_restart_of_the_database(
    start_worker: StartWorker, alice: User, tmp_path: Path, effects: Path
) -> None:
    server = embedded_servers.POSTGRES
    assert server is not None
    worker = start_worker()
    gate = tmp_path / "gate"
    job = submit_job("test.fault", {"do": "wait", "gate": str(gate), "log": str(effects)}, owner=alice).id
    running(job)

    connection.close()
    server.kill()
    server.start()
    gate.touch()

    (done,) = ended(job)
    assert (done.state, done.attempt) == ("succeeded", 1), "the attempt in flight outlived the restart"
    assert ended(submit_job("test.ok", {}, owner=alice).id)[0].state == "succeeded"
    assert worker.main.poll() is None
    assert runs(effects) == {"x": 1}


@pytest.mark.parametrize("target", ["main", "group"])
def test_term_lets_running_jobs_finish(
    start_worker: StartWorker, alice: User, tmp_path: Path, target: str
) -> None:
    gate = tmp_path / "gate"
    worker = start_worker()
    job = submit_job("test.fault", {"do": "wait", "gate": str(gate)}, owner=alice).id
    running(job)

    worker.signal(signal.SIGTERM) if target == "main" else worker.signal_group(signal.SIGTERM)
    eventually(worker.is_draining, what="the worker drains")
    left = submit_job("test.ok", {}, owner=alice).id
    gate.touch()

    assert worker.wait() == 0
    assert (ended(job)[0].state, ended(job)[0].attempt) == ("succeeded", 1)
    assert Job.objects.get(pk=left).state == "queued", "a draining worker claims nothing more"


def test_term_hands_back_what_a_batch_has_not_started(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    payloads = [{"do": "wait", "gate": str(gate)}, {"do": "ok"}, {"do": "ok"}]
    worker = start_worker(slots=1)
    learn_pace(alice)
    ids = submit_many("test.batch_fault", payloads, owner=alice)
    running(ids[2])

    worker.signal(signal.SIGTERM)
    eventually(worker.is_draining, what="the worker drains")
    gate.touch()

    assert worker.wait() == 0
    first, *rest = Job.objects.filter(pk__in=ids).order_by("seq")
    assert first.state == "succeeded"
    assert {(job.state, job.crashes, job.failures, job.suspect) for job in rest} == {("queued", 0, 0, False)}


def test_quit_hands_running_jobs_back_uncharged(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    worker = start_worker()
    job = submit_job("test.fault", {"do": "wait", "gate": str(gate)}, owner=alice).id
    running(job)

    worker.signal(signal.SIGQUIT)
    worker.wait()

    job_ = Job.objects.get(pk=job)
    assert (job_.state, job_.crashes, job_.failures) == ("queued", 0, 0)


def test_a_soft_limit_interrupts_and_counts_as_a_failure(start_worker: StartWorker, alice: User) -> None:
    worker = start_worker(slots=1, GRACE_SECONDS="5")
    children = worker.children

    (job,) = ended(submit_job("test.short", {"do": "spin"}, owner=alice).id)

    assert (job.state, job.code, job.failures, job.crashes) == ("failed", "timeout", 1, 0)
    assert "limit of 0.4 s" in job.error
    assert worker.children == children, "the process goes on"


@pytest.mark.parametrize("do", ["regex", "swallow"])
def test_a_hard_limit_ends_what_does_not_obey_and_says_where_it_hung(
    start_worker: StartWorker, alice: User, tmp_path: Path, do: str
) -> None:
    from django_celery_results.models import TaskResult

    # The pool may notice a death only at its 5 s timer: the burial is to come before the rescue.
    worker = start_worker(slots=1, LEASE_SECONDS="30")
    children = worker.children

    (job,) = ended(submit_job("test.short", {"do": do, "gate": str(tmp_path / "never")}, owner=alice).id)

    assert (job.state, job.code, job.failures, job.crashes) == ("failed", "timeout", 1, 0)
    assert "kinds.py" in TaskResult.objects.get(task_id=f"{job.id}:1").traceback
    assert worker.children != children
    assert ended(submit_job("test.ok", {}, owner=alice).id)[0].state == "succeeded"


def test_nothing_but_our_own_json_tasks_is_run(start_worker: StartWorker, alice: User) -> None:
    from celery_app import app

    worker = start_worker()

    app.send_task("celery.backend_cleanup", queue="default")
    app.send_task("os.system", args=["true"], queue="default")
    app.send_task("millrace.bell", queue="default", serializer="pickle")

    eventually(lambda: worker.log.read_text().count("unregistered task") >= 2, what="both names are refused")
    assert ended(submit_job("test.ok", {}, owner=alice).id)[0].state == "succeeded"
    assert worker.main.poll() is None
