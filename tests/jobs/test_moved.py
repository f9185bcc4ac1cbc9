"""The "job moved" message: told after the commit, to whoever listens, at no cost where nobody does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from django.contrib.auth.models import User
from django.db import transaction

from jobs import moved
from jobs.attempt import Outcome
from jobs.database import DJANGO
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.lifecycle.gate import open_gate
from jobs.lifecycle.release import release_jobs
from jobs.lifecycle.rescue import rescue_expired
from jobs.lifecycle.retry import retry_jobs
from jobs.models import Job
from jobs.states import State
from tests.factories import make_job
from tests.waiting import eventually

JOB = UUID(int=7)


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch) -> Iterator[moved.Teller]:
    """A teller of this test's own; nothing else tells meanwhile."""
    teller = moved.Teller()
    monkeypatch.setattr(moved, "TELLER", teller)
    yield teller
    assert teller.flush(5)
    if teller._client is not None:
        teller._client.close()


@pytest.fixture
def listener() -> Iterator[Any]:
    client = redis.Redis.from_url(moved.redis_url())
    with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(moved.channel())
        assert subscription.get_message(timeout=5) is None
        yield subscription


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, UUID]]:
    """What the verbs tell, at once, instead of messages."""
    heard: list[tuple[str, UUID]] = []

    class Heard(moved.Teller):
        is_heard = True

        def add(self, words: Any) -> None:
            heard.extend((word, job) for word, jobs in words.items() for job in jobs)

    monkeypatch.setattr(moved, "TELLER", Heard())
    return heard


def test_who_listens_is_told(teller: moved.Teller, listener: Any) -> None:
    moved.tell(State.SUCCEEDED, [JOB])

    message = eventually(lambda: listener.get_message(timeout=1))
    assert moved.told(message["data"]) == {"succeeded": [JOB.hex]}


def test_moves_that_come_together_are_one_message(teller: moved.Teller, listener: Any) -> None:
    others = [uuid4() for _ in range(50)]

    with teller._lock:  # as if the thread were busy
        teller._gathered["running"] = [JOB]
    moved.tell_each(dict.fromkeys(others, State.FAILED) | {JOB: State.SUCCEEDED})

    message = eventually(lambda: listener.get_message(timeout=1))
    assert moved.told(message["data"]) == {
        "running": [JOB.hex], "failed": [job.hex for job in others], "succeeded": [JOB.hex]
    }  # fmt: skip


def test_where_nobody_listens_nothing_is_gathered_for_a_while(teller: moved.Teller) -> None:
    moved.tell(State.SUCCEEDED, [JOB])
    eventually(lambda: not teller.is_heard)

    moved.tell(State.SUCCEEDED, [JOB])

    assert not teller._gathered


def test_who_listens_later_is_heard_of_within_a_second(teller: moved.Teller) -> None:
    moved.tell(State.SUCCEEDED, [JOB])
    eventually(lambda: not teller.is_heard)

    eventually(lambda: teller.is_heard, timeout=moved.QUIET_SECONDS + 0.5)


def test_a_redis_that_is_away_costs_the_message_and_a_pause(
    teller: moved.Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moved, "redis_url", lambda: "redis://127.0.0.1:1/0")

    moved.tell(State.SUCCEEDED, [JOB])

    eventually(lambda: not teller.is_heard)
    assert teller.flush()


def test_where_there_is_no_redis_nothing_is_told_ever(
    teller: moved.Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moved, "redis_url", lambda: "")

    moved.tell(State.SUCCEEDED, [JOB])

    eventually(lambda: teller._quiet_until == float("inf"))


def test_a_redis_that_takes_its_time_does_not_fill_the_memory(teller: moved.Teller) -> None:
    teller._start = lambda: None  # type: ignore[method-assign]
    for _ in range(3):
        moved.tell(State.SUCCEEDED, [JOB] * moved.MOST)

    assert teller._count == moved.MOST
    teller._gathered = {}


@pytest.mark.parametrize("text", ["", "[]", "{", b"\xff", "7", json.dumps({"failed": 1})])
def test_what_is_no_message_of_ours_says_nothing(text: str | bytes) -> None:
    assert moved.told(text) == {}


def move(state: str, act: Callable[[Job], object], **fields: Any) -> UUID:
    job = make_job(state, **fields)
    act(job)
    return job.id


def finish(state: State) -> Callable[[Job], object]:
    def act(job: Job) -> None:
        assert job.holder
        outcome = Outcome(job=job.id, kind=job.kind, attempt=job.attempt, state=state)
        finish_jobs([outcome], holder=job.holder, db=DJANGO)

    return act


def release(job: Job) -> None:
    assert job.holder
    release_jobs({job.id: job.attempt}, holder=job.holder, db=DJANGO)


def rescue(job: Job) -> None:
    Job.objects.filter(id=job.id).update(lease="2020-01-01T00:00Z")
    rescue_expired(db=DJANGO)


def gate(job: Job) -> None:
    Job.objects.filter(id=job.id).update(run_at="2020-01-01T00:00Z")
    open_gate(db=DJANGO)


@pytest.mark.parametrize(
    ("state", "act", "word"),
    [
        ("running", finish(State.SUCCEEDED), "succeeded"),
        ("running", finish(State.FAILED), "failed"),
        ("running", release, "queued"),
        ("running", rescue, "queued"),
        ("running", lambda job: cancel_jobs([job.id], actor="alice"), "running"),
        ("queued", lambda job: cancel_jobs([job.id], actor="alice"), "cancelled"),
        ("failed", lambda job: retry_jobs([job.id], actor="alice"), "queued"),
        ("scheduled", gate, "queued"),
    ],
)
@pytest.mark.usefixtures("rung_at_once", "alice")
def test_every_verb_tells_where_it_moved_a_job(
    told: list[tuple[str, UUID]], state: str, act: Callable[[Job], object], word: str
) -> None:
    job = move(state, act)

    assert told == [(word, job)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("rung")
def test_what_is_rolled_back_is_told_to_nobody(told: list[tuple[str, UUID]]) -> None:
    job = make_job("queued")

    with transaction.atomic():
        cancel_jobs([job.id], actor="alice")
        assert told == []
        transaction.set_rollback(True)

    assert told == []


@pytest.mark.usefixtures("rung_at_once")
def test_a_job_that_had_ended_moves_nobody(told: list[tuple[str, UUID]], alice: User) -> None:
    cancel_jobs([make_job("succeeded", owner=alice).id], actor="alice")

    assert told == []
