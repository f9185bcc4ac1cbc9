"""Probes: the truth, quickly, whatever is frozen."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from core import health
from jobs.deadline import Question
from tests import embedded_servers
from tests.waiting import eventually

HANG_SECONDS = 10.0
"""An answer that takes so long waits for who says nothing."""


@pytest.fixture
def client() -> Client:
    return Client(HTTP_HOST="10.1.2.3:8000")


@pytest.fixture(autouse=True)
def graph() -> None:
    """Who asks first reads all migrations, which may take a slow machine as long as an answer may."""
    health.newest_migrations()


@contextmanager
def frozen(server: embedded_servers.Postgres | embedded_servers.Redis | None) -> Iterator[None]:
    """Stop the server's processes where they stand; every connection stays open and says nothing."""
    if server is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    group = processes_of(server.pid)
    try:
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in group:
            os.kill(pid, signal.SIGCONT)


def processes_of(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return found


def test_a_process_that_answers_is_alive_under_any_host_name(client: Client) -> None:
    assert client.get("/livez").content == b"ok\n"


def test_a_probe_cannot_be_posted_to(client: Client) -> None:
    assert client.post("/livez").status_code == 405


@pytest.mark.django_db
def test_with_everything_there_we_are_ready(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.json() == {"status": "ready", "database": "ok", "broker": "ok", "cache": "ok"}
    assert answer.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_not_migrated_is_not_ready(client: Client) -> None:
    newest = sorted(health.newest_migrations())[0]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = name || '?' WHERE (app, name) = (%s, %s)", newest)
    try:
        answer = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET name = rtrim(name, '?')")

    assert (answer.status_code, answer.json()["database"]) == (503, "not migrated")


@pytest.mark.django_db
def test_a_dead_broker_degrades_but_jobs_are_still_accepted(client: Client) -> None:
    server = embedded_servers.REDIS
    if server is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")

    server.kill()
    try:
        answer = client.get("/readyz")
    finally:
        server.start()

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded", "database": "ok", "broker": "unreachable", "cache": "unreachable",
    }  # fmt: skip


def test_all_who_do_not_answer_are_waited_for_together_and_less_than_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert health.ANSWER_SECONDS < 2
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.3)
    never = threading.Event()
    silent = {str(number): Question(str(number), never.wait, seconds=0.3) for number in range(20)}
    monkeypatch.setattr(health, "QUESTIONS", silent)
    started = time.monotonic()

    found = health.look()

    never.set()
    assert time.monotonic() - started < 3, "one after the other they would take six"
    assert found == dict.fromkeys(silent, health.NO_ANSWER)


@pytest.mark.django_db
def test_a_frozen_broker_is_told(client: Client) -> None:
    started = time.monotonic()
    with frozen(embedded_servers.REDIS):
        answer = client.get("/readyz")

    assert answer.json()["status"] == "degraded"
    assert time.monotonic() - started < HANG_SECONDS


@pytest.mark.django_db
def test_a_frozen_database_is_told_and_costs_one_thread(client: Client) -> None:
    started = time.monotonic()
    with frozen(embedded_servers.POSTGRES):
        answer = client.get("/readyz")
        seconds = time.monotonic() - started
        first = health.QUESTIONS["database"].start()
        client.get("/readyz")
        second = health.QUESTIONS["database"].start()

    assert (answer.status_code, answer.json()["database"]) == (503, "no answer")
    assert seconds < HANG_SECONDS
    assert first is second
    assert eventually(lambda: client.get("/readyz").json()["status"] == "ready")
