"""Gate, renew, release, cancel, retry, rescue, sweep, purge: each a guarded statement over many jobs."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from jobs.database import DJANGO
from jobs.errors import Gone
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.gate import open_gate
from jobs.lifecycle.pause import pause_queue
from jobs.lifecycle.purge import expired_jobs, purge_jobs
from jobs.lifecycle.reasons import waiting_reasons
from jobs.lifecycle.release import release_jobs
from jobs.lifecycle.renew import renew_leases
from jobs.lifecycle.rerun import rerun_job
from jobs.lifecycle.rescue import rescue_dead, rescue_expired
from jobs.lifecycle.retry import retry_jobs
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.sweep import sweep_queues
from jobs.models import Job, JobEvent, Tombstone, Worker
from jobs.owners import find_job
from jobs.states import Reason
from tests.factories import make_job

pytestmark = pytest.mark.django_db

PAST = datetime.now(UTC) - timedelta(minutes=10)


def make_worker(*kinds: str, queues: tuple[str, ...] = ("default",)) -> Worker:
    return Worker.objects.create(
        id=uuid4(), name="w", pid=1, version="1", queues=list(queues), kinds=list(kinds), slots=2
    )


def state_of(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


# -- gate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["scheduled", "retrying"])
def test_the_gate_moves_what_is_due_into_the_line_and_rings(state: str, rung_at_once: list[str]) -> None:
    due, later = make_job(state, run_at=PAST), make_job(state)

    assert open_gate() == 1

    due.refresh_from_db()
    assert (due.state, due.ready) == ("queued", True)
    assert state_of(later) == state
    assert rung_at_once == ["default"]


def test_a_kind_that_no_live_worker_knows_is_held_back_until_one_does(alice: User) -> None:
    make_worker("test.other")
    job = submit_job("test.ok", {}, owner=alice).id
    assert not Job.objects.get(pk=job).ready
    assert waiting_reasons([job])[job].reason is Reason.UNKNOWN_KIND
    assert open_gate() == 0

    make_worker("test.ok")

    assert open_gate() == 1
    assert Job.objects.get(pk=job).ready


def test_without_any_worker_jobs_stand_in_line_for_the_first_one(alice: User) -> None:
    job = submit_job("test.ok", {}, owner=alice).id

    assert Job.objects.get(pk=job).ready
    assert waiting_reasons([job])[job].reason is Reason.NO_WORKER


# -- renew and release -----------------------------------------------------------------------------


def test_a_heartbeat_prolongs_what_is_held_and_learns_what_is_lost_or_cancelled() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    held = make_job("running", lease=soon)
    asked = make_job("running", holder=held.holder, lease=soon)
    lost = make_job("running")
    cancel_jobs([asked.id], actor="alice")

    renewed = renew_leases({job.id: (1, 600.0) for job in (held, asked, lost)}, holder=held.holder, db=DJANGO)

    assert renewed == ({held.id, asked.id}, {asked.id})
    assert Job.objects.get(pk=held.pk).lease > soon + timedelta(seconds=30)


def test_a_lease_never_outlives_the_hard_limit() -> None:
    now = datetime.now(UTC)
    job = make_job("running", lease=now)

    renew_leases({job.id: (1, 3.0)}, holder=job.holder, db=DJANGO)

    assert Job.objects.get(pk=job.pk).lease < now + timedelta(seconds=20)


def test_a_released_job_is_in_line_again_and_not_charged(rung_at_once: list[str]) -> None:
    job, other = make_job("running"), make_job("running")

    assert release_jobs({job.id: 1, other.id: 1}, holder=job.holder, db=DJANGO) == {job.id}

    job.refresh_from_db()
    assert (job.state, job.ready, job.failures, job.crashes, job.attempt) == ("queued", True, 0, 0, 1)
    assert state_of(other) == "running"


def test_a_job_may_be_released_until_a_time_and_is_charged_for_nothing() -> None:
    job = make_job("running")

    release_jobs({job.id: 1}, holder=job.holder, again_in_seconds=60, db=DJANGO)

    job.refresh_from_db()
    assert (job.state, job.ready, job.failures, job.crashes, job.holder) == ("scheduled", False, 0, 0, None)
    assert 55 < (job.run_at - datetime.now(UTC)).total_seconds() < 65
    assert JobEvent.objects.get(job=job).event == "released", "the timeline accounts for every attempt"
    open_gate()
    assert state_of(job) == "scheduled"
    Job.objects.update(run_at=PAST)
    open_gate()
    job.refresh_from_db()
    assert (job.state, job.ready) == ("queued", True)


def test_a_cancellation_that_was_asked_for_wins_over_a_release_until_a_time() -> None:
    job = make_job("running", cancel_asked=True)

    release_jobs({job.id: 1}, holder=job.holder, again_in_seconds=60, db=DJANGO)

    assert state_of(job) == "cancelled"


# -- cancel and retry ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["scheduled", "queued", "retrying"])
def test_what_waits_is_cancelled_at_once(state: str) -> None:
    job = make_job(state)

    assert cancel_jobs([job.id], actor="alice") == [job.id]

    job.refresh_from_db()
    assert (job.state, job.code, job.error) == ("cancelled", "cancelled_by", "Cancelled by alice.")
    assert JobEvent.objects.get(job=job).actor == "alice"


def test_what_runs_is_asked_once() -> None:
    job = make_job("running")

    assert cancel_jobs([job.id], actor="alice") == [job.id]
    assert cancel_jobs([job.id], actor="alice") == []

    assert state_of(job) == "running"
    assert JobEvent.objects.filter(job=job, event="cancel_asked").count() == 1


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_what_has_ended_is_not_cancelled(state: str) -> None:
    job = make_job(state)

    assert cancel_jobs([job.id], actor="alice") == []
    assert state_of(job) == state


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_retry_gives_fresh_budgets_and_goes_on_counting_attempts(state: str) -> None:
    job = make_job(state, attempt=3, failures=3, crashes=2)

    assert retry_jobs([job.id], actor="alice") == [job.id]

    job.refresh_from_db()
    assert (job.state, job.attempt, job.failures, job.crashes, job.finished_at) == ("queued", 3, 0, 0, None)
    assert JobEvent.objects.get(job=job).event == "retried"


@pytest.mark.parametrize("state", ["succeeded", "queued", "running", "scheduled", "retrying"])
def test_a_success_is_never_reopened_nor_what_has_not_ended(state: str) -> None:
    job = make_job(state)

    assert retry_jobs([job.id], actor="alice") == []
    assert state_of(job) == state


def test_a_rerun_is_a_new_job_with_the_same_payload(alice: User) -> None:
    old = make_job("succeeded", kind="test.ok", payload={"key": "a", "log": ""})

    new = Job.objects.get(pk=rerun_job(old, owner=alice, door="web").id)

    assert (new.payload, new.rerun_of, new.state) == (old.payload, old.id, "queued")
    assert state_of(old) == "succeeded"


# -- rescue ----------------------------------------------------------------------------------------


def test_only_an_expired_lease_is_rescued(rung_at_once: list[str]) -> None:
    silent, alive = make_job("running", lease=PAST), make_job("running")

    assert rescue_expired() == [silent.id]

    silent.refresh_from_db()
    assert (silent.state, silent.crashes, silent.failures, silent.holder) == ("queued", 1, 0, None)
    assert state_of(alive) == "running"
    assert rung_at_once == ["default"]


def test_the_last_death_in_the_budget_ends_the_job() -> None:
    job = make_job("running", lease=PAST, crashes=2)

    rescue_expired()

    job.refresh_from_db()
    assert (job.state, job.code, job.crashes) == ("failed", "crash_budget", 3)
    assert job.finished_at is not None


def test_a_job_lost_in_a_batch_is_a_suspect_and_not_charged() -> None:
    job = make_job("running", lease=PAST, alone=False, crashes=2)

    rescue_expired()

    job.refresh_from_db()
    assert (job.state, job.suspect, job.crashes) == ("queued", True, 2)


def test_the_one_that_is_known_to_have_run_is_charged_even_in_a_batch() -> None:
    job = make_job("running", alone=False)

    rescue_dead(job.id, 1, holder=job.holder, why="killed")

    job.refresh_from_db()
    assert (job.state, job.suspect, job.crashes) == ("queued", False, 1)


def test_a_rescued_job_that_was_to_be_cancelled_is_cancelled() -> None:
    job = make_job("running", lease=PAST, cancel_asked=True)

    rescue_expired()

    assert state_of(job) == "cancelled"


def test_a_burial_that_comes_too_late_touches_nothing() -> None:
    job = make_job("running", attempt=2)

    assert rescue_dead(job.id, 1, holder=job.holder, why="killed") == []
    assert rescue_dead(job.id, 2, holder=uuid4(), why="killed") == []
    assert state_of(job) == "running"


# -- sweep -----------------------------------------------------------------------------------------


def test_the_sweep_rings_for_each_queue_with_ready_work(rung: list[str]) -> None:
    for queue in ("a", "a", "b", "c"):
        make_job(queue=queue)
    make_job(queue="held", ready=False)
    make_job("running", queue="busy")
    pause_queue("c", actor="alice")

    assert sweep_queues() == rung == ["a", "b"]


# -- reasons ---------------------------------------------------------------------------------------


def test_every_waiting_job_says_why() -> None:
    make_worker("test.ok", queues=("default", "paused"))
    pause_queue("paused", actor="alice", reason="moving house")
    jobs = {
        Reason.NOT_DUE: make_job("scheduled"),
        Reason.BACKOFF: make_job("retrying"),
        Reason.PAUSED: make_job(kind="test.ok", queue="paused"),
        Reason.NO_WORKER: make_job(queue="nobody"),
        Reason.BEHIND: make_job(kind="test.ok"),
    }

    reasons = waiting_reasons([job.id for job in jobs.values()])

    assert {reasons[job.id].reason: job for job in jobs.values()} == jobs
    assert reasons[jobs[Reason.PAUSED].id].text == "Queue paused is paused: moving house."


def test_a_job_behind_others_counts_them() -> None:
    make_worker("test.ok")
    jobs = [make_job(kind="test.ok") for _ in range(3)]
    make_job(kind="test.ok", priority=1)

    assert waiting_reasons([jobs[2].id])[jobs[2].id].text == "Behind 3 others in queue default."


def test_a_job_that_does_not_wait_has_no_reason() -> None:
    job = make_job("succeeded")

    assert waiting_reasons([job.id]) == {}


# -- purge -----------------------------------------------------------------------------------------


def test_a_purged_job_leaves_a_tombstone_and_answers_gone(alice: User) -> None:
    old = make_job("succeeded", finished_at=datetime.now(UTC) - timedelta(days=8))
    failed = make_job("failed", finished_at=datetime.now(UTC) - timedelta(days=8))
    JobEvent.objects.create(job=old, event="retried", attempt=1)

    assert expired_jobs(10) == [old.id]
    assert purge_jobs([old.id]) == [old.id]

    assert Tombstone.objects.get(pk=old.id).owner == alice
    assert state_of(failed) == "failed"
    with pytest.raises(Gone):
        find_job(alice, old.id)


@pytest.mark.parametrize("state", ["scheduled", "queued", "running", "retrying"])
def test_a_job_that_has_not_ended_is_never_purged(state: str) -> None:
    job = make_job(state)

    assert purge_jobs([job.id]) == []
    assert state_of(job) == state
