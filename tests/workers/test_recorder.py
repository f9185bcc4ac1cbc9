"""What a worker believes reaches the database, or is handed back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs.attempt import Claimed, Outcome
from jobs.database import DJANGO, OwnDatabase
from jobs.errors import NotYet
from jobs.lifecycle.claim import Asking
from jobs.models import Job, JobEvent
from jobs.states import State
from tests.factories import make_job
from workers.burial import bury
from workers.events import Events
from workers.lease import Leases
from workers.record import Last
from workers.recorder import NOT_FREE, Recorder
from workers.shared import FLAGS, Drain


@pytest.fixture
def own(transactional_db: None) -> Iterator[OwnDatabase]:
    database = OwnDatabase("test")
    yield database
    database.close()


@pytest.fixture
def holder() -> UUID:
    return uuid4()


@pytest.fixture
def recorder(own: OwnDatabase, holder: UUID) -> Recorder:
    return Recorder(holder, own, Leases(holder), Events("test"))


@pytest.fixture
def stopping() -> Iterator[None]:
    yield
    FLAGS.drain = Drain.NONE


def outcome(job: Job, **fields: Any) -> Outcome:
    return Outcome(**{"job": job.id, "kind": job.kind, "attempt": 1, "state": State.SUCCEEDED} | fields)


def test_an_outcome_is_offered_again_after_the_connection_broke(
    recorder: Recorder, own: OwnDatabase, holder: UUID
) -> None:
    job = make_job("running", holder=holder)
    (backend,) = own.rows("SELECT pg_backend_pid()")[0]
    DJANGO.rows("SELECT pg_terminate_backend(%(pid)s)", {"pid": backend})

    recorder.finish([outcome(job)])

    assert Job.objects.get(pk=job.pk).state == "succeeded"


def test_a_result_that_the_database_refuses_takes_no_neighbour_with_it(
    recorder: Recorder, holder: UUID
) -> None:
    jobs = [make_job("running", holder=holder) for _ in range(3)]
    results = ["1", "1e999999", "3"]

    recorder.finish([outcome(job, result=text) for job, text in zip(jobs, results, strict=True)])

    after = [Job.objects.get(pk=job.pk) for job in jobs]
    assert [job.state for job in after] == ["succeeded", "failed", "succeeded"]
    assert after[1].error.startswith("The result could not be recorded")


@pytest.mark.parametrize(
    ("words", "told"), [("Mail waits for x.example.", "Mail waits for x.example."), ("", NOT_FREE)]
)
def test_the_timeline_says_what_a_job_was_put_aside_for(
    recorder: Recorder, holder: UUID, words: str, told: str
) -> None:
    """Without a reason it would read as handed back by a worker that stops."""
    job = make_job("running", holder=holder)
    claimed = Claimed(job.id, job.kind, 1, "{}", job.owner_id, 0, 0, False, 0.0)

    recorder.put_aside(claimed, NotYet(words, again_in=timedelta(seconds=9)))

    assert JobEvent.objects.values_list("event", "attempt", "detail").get(job=job) == ("released", 1, told)
    assert Job.objects.get(pk=job.pk).state == "scheduled"


def test_strays_are_handed_back_uncharged(recorder: Recorder, holder: UUID) -> None:
    stray, other = make_job("running", holder=holder), make_job("running")

    recorder.hand_back_strays()

    stray.refresh_from_db()
    assert (stray.state, stray.crashes, stray.failures) == ("queued", 0, 0)
    assert Job.objects.get(pk=other.pk).state == "running"


def test_burial_charges_the_one_that_ran_and_hands_the_others_back(own: OwnDatabase, holder: UUID) -> None:
    culprit, mate = (make_job("running", holder=holder, alone=False) for _ in range(2))

    bury(Last(holder, culprit.id, 1, "", was_timed_out=False), own)

    culprit.refresh_from_db()
    mate.refresh_from_db()
    assert (culprit.state, culprit.crashes) == ("queued", 1)
    assert (mate.state, mate.crashes, mate.suspect) == ("queued", 0, False)


def test_what_nobody_thought_of_is_raised_after_the_outcomes_are_recorded(
    recorder: Recorder, holder: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement may have committed: only whoever hands back what is held may go on."""
    job, waiting = make_job("running", holder=holder), make_job()
    monkeypatch.setattr("workers.recorder.exchange_jobs", lambda *args, **more: 1 / 0)
    asking = Asking(queue="default", holder=holder, kinds={"test.ok": 1})

    with pytest.raises(ZeroDivisionError):
        recorder.exchange([outcome(job)], asking, None)

    assert Job.objects.get(pk=job.pk).state == "succeeded"
    assert Job.objects.get(pk=waiting.pk).state == "queued"


@pytest.mark.parametrize(("drain", "state"), [(Drain.NONE, "scheduled"), (Drain.FINISH, "queued")])
def test_what_waits_for_another_worker_alone_is_ready_at_once_when_this_one_stops(
    recorder: Recorder, holder: UUID, stopping: None, drain: Drain, state: str
) -> None:
    """A worker that goes on would claim it again and again."""
    FLAGS.drain = drain
    job = make_job("running", holder=holder)
    claimed = Claimed(job.id, job.kind, job.attempt, "{}", job.owner_id, 0, 0, True, 0.0)

    recorder.put_aside(claimed, NotYet("Another attempt goes on.", again_in=timedelta()))

    job.refresh_from_db()
    assert (job.state, job.ready, job.failures) == (state, state == "queued", 0)
