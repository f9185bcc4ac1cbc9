"""A lone job's bell is rung beside its commit: never too early for good, and seldom twice."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from jobs import early
from jobs.broker import RINGER, Ringer, ring, ring_early
from jobs.conf import conf
from jobs.early import GOOD_SECONDS, MARK, SURE_SECONDS, Awaited, EarlyBell
from jobs.lifecycle import submit
from jobs.lifecycle.submit import submit_job
from jobs.models import Job
from jobs.owners import service_user
from tests.clock import Clock
from tests.waiting import eventually

QUEUE = "default"


@pytest.fixture
def client() -> Iterator[Any]:
    """The broker, in which nothing hangs, and a ringer that has rung for nobody yet."""
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:
        RINGER.flush(5)
        RINGER._rung_at.clear()
        client.flushall()
        yield client
        RINGER.flush(5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(100.0)
    monkeypatch.setattr(early, "time", clock)
    return clock


def rung_again(*, is_new: bool, seconds: float, commit_first: bool, clock: Clock) -> int:
    """How often an early bell rings again; what the ringer and the commit say comes in either order."""
    again: list[int] = []
    bell = EarlyBell(uuid4(), lambda: again.append(1))
    clock.now += seconds
    said = [bell.committed, lambda: bell.hung(is_new=is_new)]
    for say in said if commit_first else reversed(said):
        say()
    return len(again)


@pytest.mark.parametrize("commit_first", [True, False], ids=["commit first", "broker first"])
@pytest.mark.parametrize(
    ("is_new", "seconds", "times"),
    [(True, 0.0, 0), (True, SURE_SECONDS * 0.99, 0), (True, SURE_SECONDS, 1), (False, 0.0, 1)],
    ids=["at once", "in time", "late", "another hung there"],
)
def test_whoever_rang_early_rings_again_unless_that_was_enough(
    clock: Clock, commit_first: bool, is_new: bool, seconds: float, times: int
) -> None:
    assert rung_again(is_new=is_new, seconds=seconds, commit_first=commit_first, clock=clock) == times


def test_a_look_after_the_last_sure_commit_is_always_made(clock: Clock) -> None:
    awaited = Awaited(f"{MARK}{uuid4()}")

    assert GOOD_SECONDS > SURE_SECONDS, "a commit that rings no second time was over before the last look"
    assert not awaited.is_over(clock.now + GOOD_SECONDS - 0.001)
    assert awaited.is_over(clock.now + GOOD_SECONDS)


def test_who_saw_the_job_awaits_nothing(clock: Clock) -> None:
    job = uuid4()
    awaited = Awaited(f"{MARK}{job}")

    awaited.saw([uuid4()])
    assert not awaited.is_over(clock.now)

    awaited.saw([uuid4(), job])
    assert awaited.is_over(clock.now)


def test_a_plain_bell_awaits_nothing(clock: Clock) -> None:
    assert Awaited(str(uuid4())).is_over(clock.now)


def test_an_early_bell_hangs_under_the_name_of_its_job(client: Any) -> None:
    job = uuid4()

    assert ring_early(QUEUE, job) is not None
    assert RINGER.flush(5)

    headers = json.loads(client.lpop(QUEUE))["headers"]
    assert headers["task"] == "millrace.bell"
    assert headers["id"] == headers["root_id"] == f"{MARK}{job}"


def test_behind_another_bell_it_rings_again_after_the_commit(client: Any) -> None:
    ring(QUEUE)
    assert RINGER.flush(5)
    RINGER._rung_at.clear()

    bell = ring_early(QUEUE, uuid4())
    assert bell is not None
    assert RINGER.flush(5)
    client.delete(QUEUE)  # somebody heard the other before this commit
    bell.committed()

    assert eventually(lambda: client.llen(QUEUE) == 1, what="the bell after the commit")


def test_a_busy_line_is_rung_for_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("jobs.broker.time", clock)
    ringer = Ringer()
    monkeypatch.setattr(ringer, "_start", lambda: None)
    ringer._rung_at[QUEUE] = clock.now

    assert ringer.ring_early(QUEUE, uuid4()) is None
    clock.now += 2 * conf().wake_seconds
    assert ringer.ring_early(QUEUE, uuid4()) is not None


def test_no_ring_takes_the_place_of_an_early_bell_that_has_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would never hear that it hangs, and nobody would ring for its job after the commit."""
    ringer = Ringer()
    monkeypatch.setattr(ringer, "_start", lambda: None)
    assert ringer.ring_early(QUEUE, uuid4()) is not None
    early_bell = ringer._wanted[QUEUE]

    ringer.ring(QUEUE)

    assert ringer.ring_early(QUEUE, uuid4()) is None
    assert ringer._wanted[QUEUE] is early_bell


def test_rabbitmq_may_drop_the_older_bell_so_that_none_is_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.broker.is_redis_configured", lambda: False)

    assert ring_early("never-rung-for", uuid4()) is None


@pytest.mark.django_db(transaction=True)
def test_a_lone_job_is_rung_for_once_and_before_it_is_written(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = submit.insert_job

    def written_late(*args: Any, **options: Any) -> Any:
        assert eventually(lambda: client.llen(QUEUE) == 1, what="the bell before the row")
        assert not Job.objects.exists()
        return insert(*args, **options)

    monkeypatch.setattr(submit, "insert_job", written_late)
    monkeypatch.setattr(early, "SURE_SECONDS", 60.0)

    job, _ = submit_job("test.ok", {"key": "a"}, owner=service_user("test"))

    assert RINGER.flush(5)
    (message,) = client.lrange(QUEUE, 0, -1)
    assert json.loads(message)["headers"]["id"] == f"{MARK}{job}"


@pytest.mark.django_db(transaction=True)
def test_what_is_not_due_is_not_rung_for_early(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[UUID] = []
    monkeypatch.setattr(submit, "ring_early", lambda queue, job: asked.append(job))

    submit_job("test.ok", {"key": "a"}, owner=service_user("test"), run_at=datetime(2100, 1, 1, tzinfo=UTC))

    assert asked == []
