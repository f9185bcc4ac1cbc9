"""A canary goes the whole way, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from core.embedded.ports import free_port
from tests.rabbitmq import MISSING, RabbitMQ, rabbit_script
from tests.waiting import eventually
from tests.worker_process import SHORT_LEASE
from tests.workers.conftest import StartWorker
from workers.canary import CANARY, KEEP_SECONDS

OFTEN = {"CANARY_SECONDS": "0.3", "DEAF_SECONDS": "2"}


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    if rabbit_script() is None:
        pytest.skip(MISSING)
    server = RabbitMQ(tmp_path_factory.mktemp("rabbit"))
    try:
        yield server.start()
    finally:
        server.stop()


def readiness(port: int) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except ConnectionError:
        return 0, {}
    finally:
        connection.close()


def test_an_idle_worker_is_ready_until_its_children_are_frozen(start_worker: StartWorker) -> None:
    port = free_port()
    worker = start_worker(slots=2, WORKER_HTTP_PORT=str(port), DEAF_RESETS="1000", **SHORT_LEASE, **OFTEN)
    eventually(lambda: readiness(port)[0] == 200, timeout=40, what="a first canary is heard")

    children = worker.children
    for child in children:
        os.kill(child, signal.SIGSTOP)

    def is_missed() -> bool:
        status, words = readiness(port)
        return status == 503 and words["canary"].startswith("nothing was heard for")

    eventually(is_missed, timeout=60, what="the canary is missed")
    for child in children:
        os.kill(child, signal.SIGCONT)
    eventually(lambda: readiness(port)[0] == 200, timeout=60, what="ready again")


def test_rabbitmq_carries_canaries_too(rabbit: RabbitMQ, start_worker: StartWorker) -> None:
    port = free_port()

    start_worker("-E", BROKER_URL=rabbit.url, WORKER_HTTP_PORT=str(port), **OFTEN)

    eventually(lambda: readiness(port)[0] == 200, timeout=60, what="a canary is heard")


def test_a_worker_that_was_killed_leaves_no_key_for_long(start_worker: StartWorker, tmp_path: Path) -> None:
    worker = start_worker(slots=1, DEAF_RESETS="1000", **SHORT_LEASE, **OFTEN)
    (child,) = worker.children
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:

        def unheard() -> list[bytes]:
            """Frozen while it hears one, it counts as busy and is sent none: then freeze it anew."""
            os.kill(child, signal.SIGCONT)
            os.kill(child, signal.SIGSTOP)
            with suppress(AssertionError):
                return eventually(lambda: client.keys(f"{CANARY}.*"), timeout=3)
            return []

        (key,) = eventually(unheard, timeout=60, what="a canary nobody hears")
        worker.signal(signal.SIGKILL)

        assert 0 < client.ttl(key) <= KEEP_SECONDS
        assert not [name for name in client.smembers("_kombu.binding.tasks") if CANARY.encode() in name]
