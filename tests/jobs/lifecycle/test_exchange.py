"""An exchange records what ended and claims what comes next: both hold, and neither hinders the other."""

from collections.abc import Iterable
from uuid import UUID, uuid4

import pytest

from jobs.attempt import Claimed, Outcome
from jobs.database import DJANGO, Database, OwnDatabase
from jobs.lifecycle.claim import Asking
from jobs.lifecycle.exchange import exchange_jobs
from jobs.models import Job
from jobs.states import State
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db


def exchange(
    jobs: Iterable[Job], holder: UUID, limit: int = 1, db: Database = DJANGO
) -> tuple[set[UUID], list[Claimed]]:
    outcomes = [Outcome(job=job.id, kind=job.kind, attempt=1, state=State.SUCCEEDED) for job in jobs]
    asking = Asking(queue="default", holder=holder, kinds={"test.ok": 1, "test.tiny": 100}, limit=limit)
    kept, claimed = exchange_jobs(outcomes, asking, db=db)
    return {outcome.job for outcome in kept}, claimed


@pytest.mark.parametrize("limit", [1, 50])
def test_what_ended_is_final_and_what_comes_next_is_held(holder: UUID, limit: int) -> None:
    ended, waiting = make_job("running", holder=holder), make_job()

    kept, claimed = exchange([ended], holder, limit)

    assert kept == {ended.id}
    assert [job.id for job in claimed] == [waiting.id]
    assert set(Job.objects.values_list("state", "holder")) == {("succeeded", None), ("running", holder)}


def test_with_an_empty_line_the_outcome_is_recorded(holder: UUID) -> None:
    ended = make_job("running", holder=holder)

    assert exchange([ended], holder) == ({ended.id}, [])


def test_an_outcome_that_is_no_longer_ours_is_not_kept_and_the_claim_goes_on(holder: UUID) -> None:
    lost, waiting = make_job("running", holder=uuid4()), make_job()

    kept, claimed = exchange([lost], holder)

    assert (kept, [job.id for job in claimed]) == (set(), [waiting.id])
    lost.refresh_from_db()
    assert lost.state == "running"


def test_a_batch_is_exchanged_for_a_batch(holder: UUID) -> None:
    ended = [make_job("running", kind="test.tiny", holder=holder) for _ in range(3)]
    waiting = [make_job(kind="test.tiny") for _ in range(4)]

    kept, claimed = exchange(ended, holder, limit=50)

    assert kept == {job.id for job in ended}
    assert [job.id for job in claimed] == [job.id for job in waiting]
    assert not any(job.alone for job in claimed)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [1, 50])
def test_it_is_planned_a_few_times_and_not_for_every_job(own: OwnDatabase, holder: UUID, limit: int) -> None:
    for _ in range(20):
        exchange([make_job("running", holder=holder)], holder, limit, own)

    plans = own.rows("SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements")

    assert plans[0][0] <= 5
    assert plans[0][1] > 5


@pytest.mark.django_db(transaction=True)
def test_one_of_a_short_line_is_not_planned_for_every_job(own: OwnDatabase, holder: UUID) -> None:
    """As under a limit: thousands of jobs, of which few stand in the line."""
    owner = make_user()
    Job.objects.bulk_create(
        Job(
            id=uuid4(),
            kind="test.ok",
            queue="default",
            owner=owner,
            payload={},
            state="queued",
            held_by="a=b",
        )
        for _ in range(6000)
    )
    own.rows("ANALYZE millrace_job")
    for _ in range(20):
        exchange([make_job("running", holder=holder)], holder, 1, own)

    assert own.rows("SELECT sum(custom_plans) FROM pg_prepared_statements")[0][0] <= 5


@pytest.mark.parametrize("limit", [1, 50])
def test_recording_is_no_part_of_the_price_of_a_look(limit: int) -> None:
    """A trigger makes each recording slow: the look that follows is as cheap as ever."""
    DJANGO.rows(
        "CREATE FUNCTION pg_temp.slow() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;"
        " CREATE TRIGGER slow BEFORE UPDATE ON millrace_job FOR EACH ROW"
        " WHEN (NEW.state = 'succeeded') EXECUTE FUNCTION pg_temp.slow()"
    )
    holder = uuid4()
    ended = [make_job("running", holder=holder) for _ in range(2)]
    make_job()

    kept, (job,) = exchange(ended, holder, limit)

    assert len(kept) == 2
    assert 0 <= job.looked_seconds < 0.05


def test_what_is_claimed_is_handed_over_even_if_telling_fails(
    holder: UUID, monkeypatch: pytest.MonkeyPatch, own: OwnDatabase
) -> None:
    """Otherwise nobody knows of the job, its lease runs out, and it is charged a death."""
    ended, waiting = make_job("running", holder=holder), make_job()
    monkeypatch.setattr("jobs.lifecycle.outcomes.metrics.count", lambda *args, **more: 1 / 0)

    kept, claimed = exchange([ended], holder, db=own)

    assert (kept, [job.id for job in claimed]) == ({ended.id}, [waiting.id])
