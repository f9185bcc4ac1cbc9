"""Whoever listens to Celery's task events sees every job, under its own id and by its kind's name."""

import gc
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
import redis
from celery.events.state import State as Listener

from celery_app import app
from core.embedded.redis import Redis
from jobs.attempt import Claimed, Outcome
from jobs.states import State
from tests.broker_at import broker_at
from tests.waiting import eventually
from workers.events import Events
from workers.shared import FLAGS

HOSTILE = 'quo"te, back\\slash, NUL \0, half a pair \ud800, \u2028, Ω'


@pytest.fixture(autouse=True)
def somebody_listens() -> Iterator[None]:
    FLAGS.has_events = True
    yield
    FLAGS.has_events = False


@pytest.fixture
def broker(tmp_path: Any) -> Iterator[Redis]:
    """One of its own, that may be killed."""
    server = Redis(tmp_path / "redis", is_durable=False)
    server.start()
    with broker_at(server.database(0)):
        yield server
    server.kill()


def claimed(job: UUID, payload: str = "{}", attempt: int = 1) -> Claimed:
    return Claimed(job, "report.sales", attempt, payload, 1, 0, 0, True, 0.0)


def outcome(job: UUID, state: State = State.SUCCEEDED, **fields: Any) -> Outcome:
    return Outcome(job=job, kind="report.sales", attempt=1, state=state, **fields)


def heard(send: Any, jobs: int) -> Listener:
    """What a listener such as Flower knows after it has heard of that many jobs' ends."""
    listener = Listener()
    ends = []

    def hear(event: dict[str, Any]) -> None:
        listener.event(event)
        if event["type"] not in {"task-received", "task-started"}:
            ends.append(event)
        if len(ends) == jobs:
            receiver.should_stop = True

    def send_once_subscribed() -> None:
        with redis.Redis.from_url(app.conf.broker_url) as client:
            eventually(client.pubsub_numpat, what="the listener's subscription")
        send()

    sender = threading.Thread(target=send_once_subscribed)
    sender.start()
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": hear})
        receiver.capture(limit=None, timeout=5, wakeup=False)
    sender.join()
    return listener


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (State.SUCCEEDED, "SUCCESS"),
        (State.FAILED, "FAILURE"),
        (State.RETRYING, "RETRY"),
        (State.CANCELLED, "REVOKED"),
    ],
)
def test_a_listener_knows_a_job_by_its_id_its_kind_and_its_end(
    broker: Redis, state: State, named: str
) -> None:
    job, events = uuid4(), Events("mill@here")

    def send() -> None:
        events.started(claimed(job, '{"month": "2026-11"}', attempt=3))
        events.ended(outcome(job, state, result='{"rows": 7}', error="Oh no", trace="Trace", run_seconds=0.5))
        events.flush()

    task = heard(send, jobs=1).tasks[str(job)]

    assert (task.name, task.state, task.retries, task.kwargs) == (
        "report.sales", named, 2, '{"month": "2026-11"}',
    )  # fmt: skip
    assert task.received and task.started and task.worker.hostname == "mill@here"
    if state is State.SUCCEEDED:
        assert (task.result, task.runtime) == ('{"rows": 7}', 0.5)
    elif state is not State.CANCELLED:
        assert (task.exception, task.traceback) == ("Oh no", "Trace")


def test_no_text_of_a_job_can_break_the_events_of_its_neighbours(broker: Redis) -> None:
    bad, good, events = uuid4(), uuid4(), Events(f"mill@{HOSTILE}")

    def send() -> None:
        for job in (bad, good):
            events.started(claimed(job, HOSTILE))
        events.ended(outcome(bad, State.FAILED, error=HOSTILE, trace=HOSTILE))
        events.ended(outcome(good, result=HOSTILE))
        events.flush()

    tasks = heard(send, jobs=2).tasks

    assert tasks[str(bad)].exception == tasks[str(bad)].kwargs == tasks[str(good)].result == HOSTILE


def test_a_broker_that_went_away_leaves_no_descriptor_behind(
    broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.events.QUIET_SECONDS", 0.0)
    events = Events("mill@here")

    def publish() -> None:
        events.started(claimed(uuid4()))
        events.flush()

    def lose_the_broker() -> None:
        publish()
        broker.kill()
        publish()
        broker.start()
        publish()

    lose_the_broker()
    gc.collect()
    gc.disable()  # nobody can wait for it: a child collects its oldest objects once in hours
    try:
        before = psutil.Process().num_fds()
        for _ in range(3):
            lose_the_broker()
        assert psutil.Process().num_fds() == before
    finally:
        gc.enable()
