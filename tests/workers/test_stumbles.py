"""What one job, one message or one answer does wrong costs no other job anything."""

import itertools
import os
import signal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.contrib.auth.models import User

from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, LogLine, Tally
from tests.waiting import eventually
from tests.worker_process import database_url
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import learn_pace, running, runs
from tests.workers.test_work import ended


def test_an_exception_without_a_text_fails_its_own_job_and_no_other(
    start_worker: StartWorker, alice: User
) -> None:
    payloads = [{"do": "ok"}, {"do": "mute"}, {"do": "ok"}]
    ids = submit_many("test.batch_fault", payloads, owner=alice)

    start_worker(slots=1, LEASE_SECONDS="600")

    jobs = ended(*ids)
    assert [job.state for job in jobs] == ["succeeded", "failed", "succeeded"]
    assert jobs[1].error.startswith("MuteError")


def test_a_file_named_twice_is_shown_once(start_worker: StartWorker, alice: User) -> None:
    start_worker()

    (job,) = ended(submit_job("test.fault", {"do": "name_twice"}, owner=alice).id)

    assert job.state == "succeeded"
    assert job.artifacts.count() == 1


def test_a_log_line_that_is_no_unicode_costs_nothing(start_worker: StartWorker, alice: User) -> None:
    start_worker()

    (job,) = ended(submit_job("test.fault", {"do": "odd_log"}, owner=alice).id)

    assert (job.state, job.attempt) == ("succeeded", 1)
    # Lines are written when the child comes to rest, after the outcome.
    eventually(LogLine.objects.filter(job=job, text="read ?").exists, what="the line, legible")


def test_a_program_that_a_kind_starts_hears_term(start_worker: StartWorker, alice: User) -> None:
    start_worker(slots=1)

    (job,) = ended(submit_job("test.fault", {"do": "terminate"}, owner=alice).id)

    assert job.state == "succeeded", job.error


def test_a_payload_that_kills_its_reader_is_charged(start_worker: StartWorker, alice: User) -> None:
    start_worker(slots=1, LEASE_SECONDS="600")

    (job,) = ended(submit_job("test.poison", {"harm": "kill"}, owner=alice).id)

    assert (job.state, job.code, job.crashes) == ("failed", "crash_budget", 3)


def test_a_payload_that_hangs_its_reader_runs_into_the_limit(start_worker: StartWorker, alice: User) -> None:
    start_worker(slots=1, LEASE_SECONDS="600")

    (job,) = ended(submit_job("test.poison", {"harm": "hang"}, owner=alice).id)

    assert (job.state, job.code) == ("failed", "timeout")


def test_an_outcome_waits_out_a_database_that_is_read_only(
    start_worker: StartWorker, alice: User, tmp_path: Path, effects: Path
) -> None:
    gate = tmp_path / "gate"
    worker = start_worker(slots=1, LEASE_SECONDS="600")
    payload = {"do": "wait", "gate": str(gate), "log": str(effects)}
    job = submit_job("test.fault", payload, owner=alice).id
    running(job)
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        other.execute("SELECT pg_reload_conf()")
        try:
            eventually(
                lambda: other.execute("SHOW default_transaction_read_only").fetchone() == ("on",),
                what="the server is read-only",
            )
            gate.touch()
            eventually(
                lambda: "finish_repeated" in worker.log.read_text(), what="the outcome is offered again"
            )
        finally:
            other.execute("SET default_transaction_read_only = off")
            other.execute("ALTER SYSTEM RESET default_transaction_read_only")
            other.execute("SELECT pg_reload_conf()")

    (done,) = ended(job)
    assert (done.state, done.attempt, done.crashes) == ("succeeded", 1, 0)
    assert runs(effects) == {"x": 1}


def test_the_soft_limit_needs_no_answer_from_the_database(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    worker = start_worker(slots=1, LEASE_SECONDS="600", GRACE_SECONDS="5")
    children = worker.children
    keys = map(str, itertools.count())
    with psycopg.connect(database_url()) as other:

        def lock_one_that_runs() -> tuple[object, str] | None:
            """One that ended before its row could be locked is followed by another."""
            spin = {"do": "spin", "key": (key := next(keys)), "log": str(effects)}
            job = submit_job("test.short", spin, owner=alice).id
            eventually(lambda: runs(effects)[key], what="it runs")
            lock = "SELECT 1 FROM millrace_job WHERE id = %s AND state = 'running' FOR UPDATE"
            return (job, key) if other.execute(lock, [job]).fetchone() else None

        job, key = eventually(lock_one_that_runs, timeout=60, what="the row of a running job is locked")
        eventually(lambda: runs(effects)[key] == 2, what="the kind was stopped meanwhile")

    assert ended(job)[0].code == "timeout"
    assert worker.children == children


def test_one_bell_wakes_every_child_for_long_jobs(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    start_worker(slots=2, SWEEP_SECONDS="15", LEASE_SECONDS="60", HEARTBEAT_SECONDS="10")

    ids = submit_many("test.fault", [{"do": "wait", "gate": str(gate)}] * 2, owner=alice)

    eventually(
        lambda: Job.objects.filter(pk__in=ids, state="running").count() == 2,
        timeout=5,
        what="both run at once",
    )
    gate.touch()
    ended(*ids)


def test_a_batch_mate_that_was_cancelled_is_not_started(
    start_worker: StartWorker, alice: User, tmp_path: Path, effects: Path
) -> None:
    first, mate = start_pair(start_worker, alice, tmp_path, effects)
    cancel_jobs([mate], actor="alice")
    wait_for_heartbeats(first)

    (tmp_path / "gate").touch()

    assert [job.state for job in ended(first, mate)] == ["succeeded", "cancelled"]
    assert runs(effects) == {"first": 1}


def start_pair(
    start_worker: StartWorker, alice: User, tmp_path: Path, effects: Path
) -> tuple[object, object]:
    """Two jobs of one batch, the first waiting."""
    start_worker(slots=1, LEASE_SECONDS="60")
    learn_pace(alice)
    payloads = [
        {"do": "wait", "gate": str(tmp_path / "gate"), "key": "first", "log": str(effects)},
        {"do": "ok", "key": "mate", "log": str(effects)},
    ]
    first, mate = submit_many("test.batch_fault", payloads, owner=alice)
    running(mate)
    return first, mate


def wait_for_heartbeats(job: object) -> None:
    """What was to be learned from a heartbeat is known once the next was made."""
    for _ in range(2):
        lease = Job.objects.get(pk=job).lease
        eventually(lambda lease=lease: Job.objects.get(pk=job).lease > lease, what="a heartbeat")


def test_a_batch_mate_that_another_holds_is_not_started(
    start_worker: StartWorker, alice: User, tmp_path: Path, effects: Path
) -> None:
    first, mate = start_pair(start_worker, alice, tmp_path, effects)
    Job.objects.filter(pk=mate).update(attempt=2, holder=uuid4())
    wait_for_heartbeats(first)

    (tmp_path / "gate").touch()

    ended(first)
    assert runs(effects) == {"first": 1}


def test_counts_survive_a_clean_stop(start_worker: StartWorker, alice: User) -> None:
    worker = start_worker(slots=1, FLUSH_SECONDS="20", HEARTBEAT_SECONDS="20", LEASE_SECONDS="60")
    ended(submit_job("test.ok", {}, owner=alice).id)

    worker.signal(signal.SIGTERM)
    worker.wait()

    assert sum(Tally.objects.filter(metric="finished").values_list("value", flat=True)) == 1


@pytest.mark.parametrize("do", ["swallow", "regex"])
def test_quit_does_not_wait_for_a_kind_that_obeys_nothing(
    start_worker: StartWorker, alice: User, tmp_path: Path, do: str
) -> None:
    worker = start_worker(slots=1)
    running(submit_job("test.fault", {"do": do, "gate": str(tmp_path / "never")}, owner=alice).id)

    worker.signal(signal.SIGQUIT)

    worker.wait(15)


def test_a_child_comes_back_after_the_records_were_swept_away(start_worker: StartWorker, alice: User) -> None:
    import shutil
    import tempfile

    worker = start_worker(slots=1, TMPDIR=str(Path(tempfile.mkdtemp())))
    temporary = Path(worker.environment["TMPDIR"])
    for folder in temporary.glob("millrace-records-*"):
        shutil.rmtree(folder)
    before = worker.children
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: worker.children and worker.children != before, what="the pool started another")

    assert ended(submit_job("test.ok", {}, owner=alice).id)[0].state == "succeeded"
