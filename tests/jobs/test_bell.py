"""A bell is a message of Celery's, under ids of its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection

from celery_app import app
from jobs import bell
from jobs.broker import BELL, bell_queue, publish


@pytest.fixture
def broker() -> Iterator[Connection]:
    with app.connection_for_write() as connection:
        connection.default_channel.client.delete("a", "b")
        yield connection
        connection.default_channel.client.delete("a", "b")


def sent(broker: Connection, queue: str) -> dict[str, Any]:
    """Publish, and take what lies there."""
    publish(bell_queue(queue), broker)
    return json.loads(broker.default_channel.client.rpop(queue))


NEW_EACH_TIME = {"id", "root_id", "correlation_id", "delivery_tag", "reply_to"}
"""Where an answer would go is the thread's that asked first; nobody answers a bell."""


def shape(value: Any) -> Any:
    """The same without what differs from message to message."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key not in NEW_EACH_TIME}
    return value


def test_it_is_what_celery_would_send(broker: Connection) -> None:
    app.send_task(BELL, queue=bell_queue("a"), ignore_result=True, connection=broker)
    theirs = json.loads(broker.default_channel.client.rpop("a"))

    assert shape(sent(broker, "a")) == shape(theirs)


def test_each_has_ids_of_its_own(broker: Connection) -> None:
    first, second = sent(broker, "a"), sent(broker, "a")

    for ids in (first, second):
        assert ids["headers"]["id"] == ids["headers"]["root_id"] == ids["properties"]["correlation_id"]
    assert first["headers"]["id"] != second["headers"]["id"]
    assert first["properties"]["delivery_tag"] != second["properties"]["delivery_tag"]


def test_each_queue_has_its_own(broker: Connection) -> None:
    sent(broker, "a")

    assert sent(broker, "b")["properties"]["delivery_info"]["routing_key"] == "b"


def test_one_that_hangs_there_is_enough_under_a_prefix_too(broker: Connection) -> None:
    with app.connection_for_write(transport_options={"global_keyprefix": "mill:"}) as prefixed:
        for _ in range(2):
            publish(bell_queue("a"), prefixed)

    client = broker.default_channel.client
    assert (client.llen("mill:a"), client.llen("a")) == (1, 0)
    client.delete("mill:a")


def test_what_is_remembered_is_bounded(broker: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "REMEMBERED", 1)
    monkeypatch.setattr(bell, "_known", {})

    for queue in ("a", "b", "a"):
        assert sent(broker, queue)["properties"]["delivery_info"]["routing_key"] == queue
    assert len(bell._known) == 1
