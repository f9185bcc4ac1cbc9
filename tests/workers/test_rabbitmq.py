"""RabbitMQ carries the bells as well as Redis does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.events.event import get_exchange
from django.contrib.auth.models import User
from kombu import Connection

from jobs.broker import BELL, RINGER, bell_queue, ring
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from tests.broker_at import broker_at
from tests.rabbitmq import MISSING, RabbitMQ, rabbit_script
from tests.waiting import eventually
from tests.workers.conftest import StartWorker
from tests.workers.test_work import ended


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    if rabbit_script() is None:
        pytest.skip(MISSING)
    server = RabbitMQ(tmp_path_factory.mktemp("rabbit"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def by_rabbit(rabbit: RabbitMQ) -> Iterator[str]:
    """This process rings there too."""
    with broker_at(rabbit.url):
        yield rabbit.url


def test_one_bell_hangs_however_often_it_is_rung(by_rabbit: str) -> None:
    for _ in range(5):
        ring("quiet")
        assert RINGER.flush(10)

    with Connection(by_rabbit) as connection:
        queue = bell_queue("quiet").bind(connection.default_channel)
        assert queue.queue_declare(passive=True).message_count == 1


def test_jobs_run_and_end(by_rabbit: str, start_worker: StartWorker, alice: User, effects: Path) -> None:
    start_worker(BROKER_URL=by_rabbit)

    ids = submit_many("test.ok", ({"key": str(n), "log": str(effects)} for n in range(100)), owner=alice)

    assert {job.state for job in ended(*ids)} == {"succeeded"}
    eventually(lambda: len(effects.read_text().splitlines()) == 100, what="each ran once")


def test_what_is_no_message_of_ours_ends_no_worker(
    by_rabbit: str, start_worker: StartWorker, alice: User, effects: Path
) -> None:
    """Nor what somebody says of the workers: they do not listen to gossip."""
    worker = start_worker(slots=1, BROKER_URL=by_rabbit)
    with Connection(by_rabbit) as connection, connection.Producer() as producer:
        producer.publish({}, exchange=get_exchange(connection), routing_key="worker.any")
        for headers in ({}, {"task": BELL}, {"task": BELL, "id": "a"}, {"task": "unknown", "id": "a\0"}):
            producer.publish(5, routing_key="default", headers=headers)
        queue = bell_queue("default").bind(connection.default_channel)
        eventually(lambda: queue.queue_declare(passive=True).message_count == 0, timeout=30)

    job = submit_job("test.ok", {"log": str(effects)}, owner=alice)

    assert ended(job.id)[0].state == "succeeded"
    assert worker.main.poll() is None
    assert "Unrecoverable" not in worker.log.read_text()
