"""What a child may hold without knowing is handed back by itself, uncharged, also when it is told to stop."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from jobs.conf import conf
from jobs.early import Awaited
from jobs.models import Job
from tests.factories import make_job
from workers import child
from workers.runner import Runner
from workers.shared import FLAGS, Drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def runner(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """The child's own, which may be told to stop."""
    monkeypatch.setattr(child, "RUNNER", runner)
    yield runner
    FLAGS.drain = Drain.NONE


def lose_the_answer(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A claim commits, and the connection breaks before its answer is here."""
    job = make_job("running", holder=runner.holder)

    def claim_unseen(queue: str, awaited: Awaited) -> bool:
        raise psycopg.OperationalError("the connection broke")

    monkeypatch.setattr(runner, "_work", claim_unseen)
    return job


def test_a_claim_whose_answer_was_lost_is_handed_back_before_the_next_bell(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = lose_the_answer(runner, monkeypatch)

    runner.hear("default", Awaited(""))

    job.refresh_from_db()
    assert (job.state, job.crashes, job.failures) == ("queued", 0, 0)


@pytest.mark.parametrize("drain", [Drain.FINISH, Drain.RELEASE])
def test_it_is_handed_back_by_a_child_that_stops(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, drain: Drain
) -> None:
    job = lose_the_answer(runner, monkeypatch)
    FLAGS.drain = drain
    runner.hear("default", Awaited(""))

    child.stop_child()

    job.refresh_from_db()
    assert (job.state, job.crashes, job.failures) == ("queued", 0, 0)


def test_a_claim_that_becomes_visible_later_is_handed_back_too(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commit waited for a standby when we looked."""
    work = runner._work
    lose_the_answer(runner, monkeypatch)
    runner.hear("default", Awaited(""))
    late = make_job("running", holder=runner.holder)
    monkeypatch.setattr(runner, "_work", work)

    runner.hear("other", Awaited(""))
    late.refresh_from_db()
    assert late.state == "running"
    now = time.monotonic() + conf().heartbeat_seconds
    monkeypatch.setattr("workers.runner.time.monotonic", lambda: now)
    runner.hear("other", Awaited(""))

    late.refresh_from_db()
    assert (late.state, late.crashes) == ("queued", 0)
