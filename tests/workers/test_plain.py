"""A bell says where to look, and is believed in nothing else; other tasks' messages are left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery.worker import consumer
from kombu.message import Message

from jobs.broker import BELL
from workers.canary import CANARY
from workers.consumer import Consumer
from workers.plain import make_plain
from workers.refusal import NO_MESSAGE

EMPTY = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
MORE = {
    "timelimit": [1, None],
    "eta": "2030-01-01",
    "expires": "2020-01-01",
    "stamped_headers": 5,
    "shadow": ["a"],
    "ignore_result": False,
}


class Handed(Message):
    """A message whose broker notes what became of it."""

    rejected = 0

    def reject_log_error(self, *given: object, **options: object) -> None:
        self.rejected += 1


def message(headers: dict[str, Any], body: object = EMPTY) -> Handed:
    given = {"content_type": "application/json", "content_encoding": "utf-8", "accept": {"application/json"}}
    return Handed(body=json.dumps(body), headers=headers, delivery_tag="a", **given)


def handler(take: Callable[[Message], None], monkeypatch: pytest.MonkeyPatch) -> Callable[[Message], None]:
    """What takes messages, where Celery does this with them."""
    monkeypatch.setattr(consumer.Consumer, "create_task_handler", lambda self: take)
    ours = Consumer.__new__(Consumer)
    ours.connection_errors = ()
    return ours.create_task_handler()


@pytest.mark.parametrize("name", [BELL, CANARY])
def test_a_bell_has_a_name_and_an_id(name: str) -> None:
    """Where the settings limit all tasks, Celery writes that into bells too: they ring all the same."""
    bell = message({"task": name, "id": "a", **MORE})

    assert make_plain(bell)
    assert bell.headers == {"task": name, "id": "a"}


@pytest.mark.parametrize("id", [None, 5, ["a"], "", "a" * 256, "a\0"])
def test_a_bell_without_a_proper_id_is_none(id: object) -> None:
    with pytest.raises(NO_MESSAGE):
        make_plain(message({"task": BELL, "id": id}))


@pytest.mark.parametrize(
    "body", [5, None, [], [[], {}], [5, {}, {}], [[], 5, {}], [[], {}, {"errbacks": 5}], [[], {}, 5]]
)
def test_a_bell_whose_body_is_none_is_none(body: object) -> None:
    with pytest.raises(NO_MESSAGE):
        make_plain(message({"task": BELL, "id": "a"}, body))


def test_celery_tells_of_a_bell_that_cannot_be_read() -> None:
    bell = message({"task": BELL, "id": "a", **MORE})
    bell.body = "{"

    assert make_plain(bell)
    assert bell.headers == {"task": BELL, "id": "a"}


def test_a_bell_of_the_first_protocol_is_none() -> None:
    with pytest.raises(NO_MESSAGE):
        make_plain(message({}, {"task": BELL, "id": "a", "args": [], "kwargs": {}}))


@pytest.mark.parametrize(
    "body", [{"task": "shop.charge", "id": 7, "args": [1], "kwargs": {}}, 5, None, "text"]
)
@pytest.mark.parametrize("headers", [{}, {"task": "shop.charge", "id": 7, **MORE}])
def test_other_messages_are_left_as_they_are(headers: dict[str, Any], body: object) -> None:
    plain = message(headers, body)

    assert not make_plain(plain)
    assert plain.headers == headers


def test_a_task_whose_name_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Message] = []
    nameless = message({"task": ["a"], "id": "a"})

    handler(taken.append, monkeypatch)(nameless)

    assert (nameless.rejected, taken) == (1, [])


@pytest.mark.parametrize(("name", "is_refused"), [(BELL, True), ("shop.charge", False)])
def test_what_breaks_on_a_message_loses_none_but_a_bell(
    name: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another bell will ring; but a mistake in an adopter's code throws no task of theirs away."""

    def fail(message: Message) -> None:
        raise AttributeError("a mistake")

    handed = message({"task": name, "id": "a"})
    take = handler(fail, monkeypatch)

    if is_refused:
        take(handed)
    else:
        with pytest.raises(AttributeError):
            take(handed)

    assert handed.rejected == is_refused
