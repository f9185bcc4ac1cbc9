"""A job ends once, by the attempt and the holder that have its lease."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django_celery_results.models import TaskResult

from jobs.attempt import Outcome
from jobs.database import DJANGO
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.models import Job, JobEvent
from jobs.states import Code, State
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def outcome(job: Job, state: State = State.SUCCEEDED, **fields: object) -> Outcome:
    return Outcome(**{"job": job.id, "kind": job.kind, "attempt": job.attempt, "state": state} | fields)  # type: ignore[arg-type]


def again(job: Job) -> Outcome:
    return outcome(
        job, State.RETRYING, code=Code.ERROR, error="no luck", delay=timedelta(seconds=60), was_troubled=True
    )


def finish(job: Job, *outcomes: Outcome) -> set[UUID]:
    return {kept.job for kept in finish_jobs(outcomes, holder=job.holder, db=DJANGO)}


def test_a_success_is_final() -> None:
    job = make_job("running")

    assert finish(job, outcome(job, result='{"n": 1}')) == {job.id}

    job.refresh_from_db()
    assert (job.state, job.code, job.result, job.holder, job.lease) == (
        "succeeded",
        "ok",
        {"n": 1},
        None,
        None,
    )
    assert job.finished_at is not None
    assert not TaskResult.objects.exists(), "a plain success is the job's own row"


def test_a_lost_lease_cannot_finish_the_job() -> None:
    job = make_job("running")

    assert finish_jobs([outcome(job)], holder=uuid4(), db=DJANGO) == []

    job.refresh_from_db()
    assert job.state == "running"


def test_an_older_attempt_of_the_same_holder_cannot_finish_the_job() -> None:
    job = make_job("running", attempt=2)

    assert finish(job, outcome(job, attempt=1)) == set()


def test_a_final_job_stays_as_it_is() -> None:
    job = make_job("running")
    holder = job.holder
    finish(job, outcome(job))

    late = outcome(job, State.FAILED, code=Code.ERROR, error="late")

    assert finish_jobs([late], holder=holder, db=DJANGO) == []
    assert Job.objects.get(pk=job.pk).state == "succeeded"


def test_a_failure_that_may_be_repeated_waits_in_the_row() -> None:
    job = make_job("running")

    finish(job, again(job))

    job.refresh_from_db()
    assert (job.state, job.failures, job.crashes, job.error) == ("retrying", 1, 0, "no luck")
    assert timedelta(seconds=50) < job.run_at - job.started_at < timedelta(seconds=90)
    assert job.finished_at is None


def test_a_failed_attempt_leaves_a_task_result_and_a_line_in_the_timeline() -> None:
    job = make_job("running")

    finish(job, again(job))

    result = TaskResult.objects.get(task_id=f"{job.id}:1")
    assert (result.status, result.task_name) == ("RETRY", job.kind)
    assert "no luck" in result.result
    assert JobEvent.objects.get(job=job).event == "failed"


def test_the_success_of_a_troubled_job_leaves_a_task_result_too() -> None:
    job = make_job("running", attempt=2, failures=1)

    finish(job, outcome(job, was_troubled=True, result='{"n": 1}'))

    assert TaskResult.objects.get(task_id=f"{job.id}:2").status == "SUCCESS"


def test_a_cancellation_that_was_asked_wins_over_another_attempt() -> None:
    job = make_job("running")
    cancel_jobs([job.id], actor="alice")

    finish(job, again(job))

    job.refresh_from_db()
    assert (job.state, job.code) == ("cancelled", "cancelled_by")
    assert job.finished_at is not None


def test_an_attempt_that_is_not_repeated_because_of_a_cancellation_is_told_as_one() -> None:
    job = make_job("running")
    cancel_jobs([job.id], actor="alice")

    (kept,) = finish_jobs([again(job)], holder=job.holder, db=DJANGO)

    assert (kept.state, kept.code) == (State.CANCELLED, Code.CANCELLED_BY)
    assert TaskResult.objects.get(task_id=f"{job.id}:1").status == "REVOKED"
    assert JobEvent.objects.filter(job=job).latest("id").event == "cancelled"


def test_a_success_wins_over_a_cancellation_that_came_too_late() -> None:
    job = make_job("running")
    cancel_jobs([job.id], actor="alice")

    finish(job, outcome(job))

    assert Job.objects.get(pk=job.pk).state == "succeeded"


def test_many_outcomes_are_recorded_at_once_and_each_for_itself() -> None:
    holder = uuid4()
    good, lost, bad = (make_job("running", holder=one) for one in (holder, uuid4(), holder))

    kept = finish_jobs(
        [outcome(good), outcome(lost), outcome(bad, State.FAILED, code=Code.REFUSED)],
        holder=holder,
        db=DJANGO,
    )

    assert [outcome.job for outcome in kept] == [good.id, bad.id]
    assert [Job.objects.get(pk=job.pk).state for job in (good, lost, bad)] == [
        "succeeded",
        "running",
        "failed",
    ]


def test_text_that_the_database_cannot_hold_does_not_lose_the_outcome() -> None:
    job = make_job("running")

    finish(job, outcome(job, State.FAILED, code=Code.ERROR, error="a\0b", trace="c\0d", was_troubled=True))

    assert Job.objects.get(pk=job.pk).error == "a\ufffdb"
