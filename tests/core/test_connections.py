"""Before a request: a connection whose server hung up is opened anew, the others are trusted."""

from __future__ import annotations

import pytest
from django.core.signals import request_started
from django.db import connection, connections

from core.connections import look_at_connections
from jobs.database import OwnDatabase, can_read
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Questions whether the connection is usable."""
    found: list[str] = []
    django = connections["default"]
    django.ensure_connection()
    monkeypatch.setattr(django, "health_check_enabled", True)
    monkeypatch.setattr(django, "health_check_done", False)
    monkeypatch.setattr(django, "is_usable", lambda: not found.append("SELECT 1"))
    return found


def pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_connection_that_is_open_is_not_asked_whether_it_is(asked: list[str]) -> None:
    look_at_connections()

    pid()

    assert asked == []


def test_without_the_look_it_would_be_asked(asked: list[str]) -> None:
    pid()

    assert asked == ["SELECT 1"]


def test_a_connection_whose_server_hung_up_is_replaced() -> None:
    before = pid()
    other = OwnDatabase("rival")
    other.rows("SELECT pg_terminate_backend(%(pid)s)", {"pid": before})
    other.close()
    eventually(lambda: can_read(connection.connection.fileno()), what="the server's last words are there")

    look_at_connections()

    assert connection.connection is None
    assert pid() != before


@pytest.mark.django_db(transaction=False)
def test_a_connection_in_a_transaction_is_left_alone(asked: list[str]) -> None:
    look_at_connections()

    assert connection.connection is not None
    assert connection.health_check_done is False


def test_every_request_begins_with_the_look() -> None:
    assert look_at_connections in [receiver() for _, receiver, *_ in request_started.receivers]
