"""A claim takes ready jobs in order, once, with a lease."""

from uuid import UUID, uuid4

import pytest

from jobs.attempt import Claimed
from jobs.database import DJANGO
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.pause import pause_queue, resume_queue
from jobs.models import Job
from tests.factories import make_job

KINDS = {"test.ok": 1, "test.tiny": 100, "test.batch_fault": 3}

pytestmark = pytest.mark.django_db


def claim(
    queue: str = "default", limit: int = 1, holder: UUID | None = None, kinds: dict[str, int] = KINDS
) -> list[Claimed]:
    return claim_jobs(Asking(queue=queue, holder=holder or uuid4(), kinds=kinds, limit=limit), db=DJANGO)


def test_a_claimed_job_runs_under_a_lease(holder: UUID) -> None:
    job = make_job()

    (claimed,) = claim(holder=holder)

    job.refresh_from_db()
    assert (job.state, job.attempt, job.holder, job.version) == ("running", 1, holder, 2)
    assert job.lease > job.started_at
    assert claimed.id == job.id


def test_higher_priority_goes_first_then_turn_then_order_of_arrival() -> None:
    third, fourth = make_job(turn=1), make_job(turn=2)
    second, first = make_job(), make_job(priority=5)

    assert [claim()[0].id for _ in range(4)] == [first.id, second.id, third.id, fourth.id]


def test_a_job_is_claimed_once() -> None:
    make_job()

    assert len(claim()) == 1
    assert claim() == []


@pytest.mark.parametrize("state", ["scheduled", "running", "retrying", "succeeded", "failed", "cancelled"])
def test_only_queued_jobs_are_claimed(state: str) -> None:
    make_job(state)

    assert claim() == []


def test_what_the_gate_holds_back_is_not_claimed() -> None:
    make_job(ready=False)

    assert claim() == []


def test_another_queue_is_left_alone() -> None:
    make_job(queue="mail")

    assert claim("default") == []


def test_a_paused_queue_gives_nothing_until_it_is_resumed() -> None:
    make_job()
    pause_queue("default", actor="alice", reason="moving house")
    assert claim() == []

    resume_queue("default", actor="alice")

    assert len(claim()) == 1


def test_a_kind_this_worker_does_not_know_is_left_to_others() -> None:
    make_job(kind="test.future")
    known = make_job()

    assert [job.id for job in claim()] == [known.id]


def test_a_batch_is_a_run_of_one_kind_as_long_as_it_allows() -> None:
    tiny = [make_job(kind="test.tiny") for _ in range(3)]
    make_job(kind="test.ok")
    make_job(kind="test.tiny")

    assert [job.id for job in claim(limit=50)] == [job.id for job in tiny]
    assert len(claim(limit=50)) == 1, "a kind that may not be repeated comes alone"


def test_a_batch_is_no_longer_than_its_kind_allows() -> None:
    for _ in range(5):
        make_job(kind="test.batch_fault")

    assert len(claim(limit=50)) == 3


def test_a_suspect_is_claimed_alone() -> None:
    jobs = [make_job(kind="test.tiny", suspect=number == 1) for number in range(3)]

    assert [[job.id for job in claim(limit=50)] for _ in range(3)] == [[job.id] for job in jobs]


def test_a_batch_of_several_knows_that_it_was_not_alone() -> None:
    jobs = [make_job(kind="test.tiny") for _ in range(2)]

    claim(limit=50)

    assert not any(Job.objects.get(pk=job.pk).alone for job in jobs)


@pytest.mark.parametrize(("behind", "has_more"), [(None, False), (0, True), (-5, True)])
def test_a_claim_says_whether_another_child_is_worth_waking(
    holder: UUID, behind: int | None, has_more: bool
) -> None:
    """A bell for an empty line costs whoever hears it a look, and the job that runs a share of the core."""
    make_job(priority=5 if behind is None else max(0, behind))
    make_job(queue="other")
    make_job("scheduled")
    if behind is not None:
        make_job(priority=behind)

    (job,) = claim_jobs(Asking(queue="default", holder=holder, kinds={"test.ok": 1}), db=DJANGO)

    assert job.has_more is has_more
