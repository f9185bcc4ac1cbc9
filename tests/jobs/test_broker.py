"""A bell carries no job, costs a request nothing, and one is enough."""

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pytest_django import Settings

from celery_app import app
from jobs.broker import RINGER, ring
from jobs.conf import conf
from tests import embedded_servers
from tests.waiting import eventually


@pytest.fixture
def client() -> Iterator[Any]:
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:
        RINGER.flush(5)
        client.flushall()
        yield client


def test_a_thousand_rings_leave_one_bell(client: Any) -> None:
    for _ in range(1000):
        ring("quiet")

    assert RINGER.flush(5)
    assert client.llen("quiet") == 1


def test_every_queue_has_its_own_bell(client: Any) -> None:
    for queue in ("a", "b", "a"):
        ring(queue)

    assert RINGER.flush(5)
    assert (client.llen("a"), client.llen("b")) == (1, 1)


def test_a_ring_after_the_bell_was_heard_is_never_dropped(client: Any) -> None:
    for _ in range(20):
        ring("quiet")
        assert eventually(lambda: client.lpop("quiet"), what="the bell of this round")


def test_a_bell_is_json_and_names_no_job(client: Any) -> None:
    ring("quiet")
    RINGER.flush(5)

    message = json.loads(client.lpop("quiet"))

    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == "millrace.bell"
    assert message["headers"]["eta"] is None
    assert message["headers"]["argsrepr"] == "()"


def test_ringing_for_a_frozen_broker_returns_at_once_and_later_bells_arrive(client: Any) -> None:
    server = embedded_servers.REDIS
    assert server is not None and server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(1000):
            ring("quiet")
        assert time.monotonic() - began < 1
        assert not RINGER.flush(0.1), "it is frozen indeed"
    finally:
        os.kill(server.pid, signal.SIGCONT)

    ring("quiet")

    assert eventually(lambda: client.llen("quiet") == 1, what="the bell of the last ring")


def test_plain_tasks_in_its_queue_do_not_hide_a_bell(client: Any) -> None:
    app.send_task("some.plain", queue="quiet")
    assert client.llen("quiet") == 1

    for _ in range(3):
        ring("quiet")
        RINGER.flush(5)

    tasks = [json.loads(entry)["headers"]["task"] for entry in client.lrange("quiet", 0, -1)]
    assert tasks == ["millrace.bell", "some.plain"]


def test_an_entry_that_is_no_message_is_not_taken_for_a_bell(client: Any) -> None:
    client.lpush("quiet", b"\xff nonsense", "[]", '{"headers": null}')

    ring("quiet")

    assert eventually(lambda: client.llen("quiet") == 4, what="the bell of the last ring")


def test_between_two_bells_for_a_queue_lies_the_wake_time(client: Any, settings: Settings) -> None:
    settings.MILLRACE = settings.MILLRACE | {"wake_seconds": 0.3}
    conf.cache_clear()
    try:
        rung_at = []
        for which in ("first", "second"):
            ring("quiet")
            eventually(lambda: client.lpop("quiet"), what=f"the {which} bell")
            rung_at.append(RINGER._rung_at["quiet"])
    finally:
        conf.cache_clear()

    assert rung_at[1] - rung_at[0] >= 0.3


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_rings_with_a_thread_of_its_own(client: Any) -> None:
    ring("parent")
    assert RINGER.flush(5)

    child = os.fork()
    if child == 0:
        ring("child")
        os._exit(0 if RINGER.flush(5) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.llen("child") == 1
