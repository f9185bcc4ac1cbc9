"""A worker's own probes."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.embedded.ports import free_port, is_free
from tests.waiting import eventually
from workers import http as worker_http
from workers.http import WorkerHttp


@contextmanager
def serving(**arguments: object) -> Iterator[WorkerHttp]:
    server = WorkerHttp(free_port(), **{"checks": {}, **arguments})  # type: ignore[arg-type]
    server.start()
    try:
        yield server
    finally:
        server.stop()


def get(server: WorkerHttp, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def fails() -> bool:
    raise ConnectionError("gone")


@pytest.mark.parametrize(
    ("check", "status", "word"),
    [
        (lambda: True, 200, "ok"),
        (lambda: False, 503, "not ready"),
        (fails, 503, "unreachable"),
    ],
)
def test_a_worker_is_ready_when_all_it_needs_is_there(
    check: Callable[[], bool], status: int, word: str
) -> None:
    with serving(checks={"database": check}) as server:
        answer = get(server, "/readyz")

    assert answer[0] == status
    assert json.loads(answer[1])["database"] == word


def test_a_check_that_hangs_is_told_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_http.ANSWER_SECONDS < worker_http.LOOK_SECONDS < 2
    monkeypatch.setattr(worker_http, "ANSWER_SECONDS", 0.2)  # in time on a slow machine all the same
    monkeypatch.setattr(worker_http, "LOOK_SECONDS", 1.5)
    never = threading.Event()
    with serving(checks={"database": never.wait, "broker": never.wait}) as server:
        started = time.monotonic()
        status, body = get(server, "/readyz")
        seconds = time.monotonic() - started
        never.set()

    assert (status, json.loads(body)) == (
        503,
        {"status": "unready", "database": "no answer", "broker": "no answer"},
    )
    assert seconds < 2


def test_the_process_and_the_worker_are_measured() -> None:
    with serving(gauges=lambda: {"slots": 4}) as server:
        status, body = get(server, "/metrics")

    assert status == 200
    assert b"millrace_worker_slots 4.0" in body
    assert b"process_resident_memory_bytes" in body


def test_nothing_is_looked_at_while_the_main_forks_and_the_caller_is_told() -> None:
    gate, looked = threading.Lock(), threading.Event()
    with serving(gate=gate, checks={"database": lambda: looked.set() or True}) as server:
        with gate:
            assert get(server, "/livez") == (200, b"ok\n")
            assert json.loads(get(server, "/readyz")[1])["database"] == "no answer"
            assert get(server, "/metrics")[0] == 503
            assert not looked.is_set()

        assert eventually(lambda: get(server, "/readyz")[0] == 200)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_does_not_keep_the_port_of_a_main_that_died() -> None:
    with serving() as server:
        child = os.fork()
        if child == 0:
            signal.pause()
        server.stop()
        try:
            assert eventually(lambda: is_free(server.port))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def test_a_port_that_is_taken_does_not_stop_the_worker() -> None:
    with serving() as first:
        second = WorkerHttp(first.port, checks={})
        second.start()
        second.stop()

        assert get(first, "/livez")[0] == 200


def test_port_zero_means_none() -> None:
    server = WorkerHttp(0, checks={})
    server.start()

    assert server._server is None
    assert worker_http.LOOPBACK == "127.0.0.1"


def test_an_unknown_path_names_the_known_ones() -> None:
    with serving() as server:
        assert get(server, "/") == (404, b"There are /livez, /readyz and /metrics.\n")
