"""What is no message of ours ends no worker; the broker keeps no account of bells, but of other messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from kombu import Connection
from kombu.message import Message

from celery_app import app
from core.embedded.ports import free_port
from jobs.broker import BELL, bell_queue, publish
from jobs.lifecycle.submit import submit_job
from tests.faults import bells
from tests.waiting import eventually
from tests.workers.conftest import StartWorker
from tests.workers.test_work import ended
from workers.channel import WorkerChannel, use_worker_channels


@pytest.mark.parametrize(
    "garbage",
    ["no JSON", "null", "{}", "[]", '{"body": ""}', b"\xff\xfe", "[" * 200_000],
    ids=lambda text: str(text[:12]),
)
def test_what_is_no_message_ends_no_worker(
    garbage: str | bytes, start_worker: StartWorker, alice: User, effects: Path
) -> None:
    worker = start_worker()
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        client.lpush("default", garbage)
        eventually(lambda: "broker_message_refused" in worker.log.read_text(), timeout=30)

    job = submit_job("test.ok", {"log": str(effects)}, owner=alice)

    assert ended(job.id)[0].state == "succeeded"
    assert worker.main.poll() is None
    assert "Unrecoverable" not in worker.log.read_text()


PLAIN = ([], {}, {})
HYBRID = {"task": BELL, "id": "a", "args": [], "kwargs": {}}


def push_forged(
    client: redis.Redis, changes: dict[str, Any], content: object = PLAIN, **envelope: object
) -> None:
    """Put a bell into the line of a queue, with other headers than a bell has, another body or envelope."""
    forged = json.loads(bells.message(BELL, routing_key="default", arguments=json.dumps(content)))
    forged["headers"] |= changes
    client.lpush("default", json.dumps({**forged, **envelope}))


def push_of_protocol_1(client: redis.Redis, **body: object) -> None:
    """Everything in the body, as Celery 3 wrote it."""
    push_forged(client, {}, {**HYBRID, **body}, headers={})


FORGED = {
    "id": lambda client: push_forged(client, {"id": ["a"]}),
    "no id": lambda client: push_forged(client, {"id": None}),
    "eta": lambda client: push_forged(client, {"eta": []}),
    "limit": lambda client: push_forged(client, {"timelimit": "x"}),
    "one limit": lambda client: push_forged(client, {"timelimit": [1]}),
    "limit of text": lambda client: push_forged(client, {"timelimit": [None, "x"]}),
    "huge limit": lambda client: push_forged(client, {"timelimit": [10**400, None]}),
    "limit of a bell": lambda client: push_forged(client, {"timelimit": [0.01, None]}),
    "stamps": lambda client: push_forged(client, {"stamped_headers": 5}),
    "stamps of stamps": lambda client: push_forged(client, {"stamped_headers": ["a"], "stamps": ["a"]}),
    "number": lambda client: push_forged(client, {}, 5),
    "null": lambda client: push_forged(client, {}, None),
    "no body": lambda client: push_forged(client, {"compression": "application/x-gzip"}, None, body=None),
    "hybrid": lambda client: push_forged(client, {}, {**HYBRID, "timelimit": [1]}),
    "protocol 1": lambda client: push_of_protocol_1(client, timelimit=[None, "x"]),
    "task of protocol 1": lambda client: push_of_protocol_1(client, task=["a"]),
    "long id": lambda client: push_forged(client, {"task": "unknown", "id": "a" * 300}),
    "id with a NUL": lambda client: push_forged(client, {"task": "unknown", "id": "a\0"}),
}
"""A bell each that is none."""


def test_bells_that_are_none_take_no_place_of_the_pool(
    start_worker: StartWorker, alice: User, effects: Path
) -> None:
    """With one child a place that nobody gives back would be the last."""
    worker = start_worker(slots=1, DEAF_SECONDS="600")
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        for name, push in FORGED.items():
            push(client)
            eventually(lambda: client.llen("default") == 0, timeout=30, what=f"it is taken: {name}")

            job = submit_job("test.ok", {"log": str(effects)}, owner=alice)

            assert ended(job.id)[0].state == "succeeded", name
            assert worker.main.poll() is None, name
    assert "Hard time limit" not in worker.log.read_text()


@pytest.mark.parametrize(
    "garbage", ["[1]", "{}", '{"properties": {"delivery_tag": "x"}, "headers": ["a"], "body": ""}']
)
def test_what_is_published_and_is_no_message_ends_no_worker(
    garbage: str, start_worker: StartWorker, alice: User, effects: Path
) -> None:
    worker = start_worker()
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        database = client.connection_pool.connection_kwargs["db"]
        eventually(lambda: client.publish(f"/{database}.celery.pidbox", garbage), timeout=30)
        eventually(lambda: "broker_message_refused" in worker.log.read_text(), timeout=30)

    job = submit_job("test.ok", {"log": str(effects)}, owner=alice)

    assert ended(job.id)[0].state == "succeeded"
    assert worker.main.poll() is None


@pytest.fixture
def broker() -> Iterator[Connection]:
    """A connection like a worker's, to a Redis that accounts for nothing."""
    with app.connection_for_read() as connection:
        use_worker_channels(connection)
        connection.default_channel.client.flushdb()
        yield connection
        connection.default_channel.client.flushdb()


def taken(broker: Connection, send: Callable[[Connection], object]) -> Message:
    """Have something sent to a queue, and consume it."""
    messages: list[Message] = []
    with broker.Consumer([bell_queue("a")], on_message=messages.append):
        send(broker)
        broker.drain_events(timeout=10)
    (message,) = messages
    return message


def in_account(broker: Connection) -> int:
    """How many messages Redis keeps for another consumer."""
    return int(broker.default_channel.client.hlen("unacked"))


def test_a_bell_is_not_accounted_for(broker: Connection) -> None:
    bell = taken(broker, lambda connection: publish(bell_queue("a"), connection))

    assert bell.headers["task"] == BELL
    assert in_account(broker) == 0


def test_in_this_process_a_bell_counts_until_it_is_acknowledged(broker: Connection) -> None:
    """Or a worker that is to take its bells slowly would take them all, and others none."""
    broker.default_channel.basic_qos(0, 1, False)
    bell = taken(broker, lambda connection: publish(bell_queue("a"), connection))

    assert not broker.default_channel.qos.can_consume()
    bell.ack()
    assert broker.default_channel.qos.can_consume()


def test_a_bell_that_is_refused_is_gone(broker: Connection) -> None:
    bell = taken(broker, lambda connection: publish(bell_queue("a"), connection))

    bell.reject(requeue=True)

    assert broker.default_channel.client.llen("a") == 0
    assert broker.default_channel.qos.can_consume()


def test_the_message_of_a_plain_task_is_kept_until_it_is_acknowledged(broker: Connection) -> None:
    plain = taken(
        broker, lambda connection: app.send_task("plain", queue=bell_queue("a"), connection=connection)
    )

    assert in_account(broker) == 1
    plain.ack()
    assert in_account(broker) == 0


def test_what_a_message_says_of_its_consumer_is_not_believed(broker: Connection) -> None:
    def forge(connection: Connection) -> None:
        app.send_task("plain", queue=bell_queue("a"), connection=connection)
        client = connection.default_channel.client
        message = json.loads(client.rpop("a"))
        message["properties"]["delivery_info"]["consumer_tag"] = "of no account"
        client.lpush("a", json.dumps(message))

    plain = taken(broker, forge)
    plain.ack()

    assert in_account(broker) == 0


def test_after_a_switch_to_another_server_channels_are_still_ours() -> None:
    with Connection(f"redis://127.0.0.1:{free_port()};{settings.BROKER_URL}") as connection:
        use_worker_channels(connection)
        connection.ensure_connection(max_retries=2, interval_start=0, timeout=20)

        assert isinstance(connection.default_channel, WorkerChannel)
