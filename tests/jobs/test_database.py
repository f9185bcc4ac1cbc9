"""A worker's own connection: what is told after a commit, and what becomes of a connection that broke."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from psycopg.pq import ConnStatus

from jobs import database
from jobs.database import (
    DJANGO,
    PLANS_SECONDS,
    OwnDatabase,
    connection_params,
    hear_last_words,
)
from jobs.lifecycle.transition import again_on_deadlock
from jobs.models import Queue
from tests.clock import Clock

BREAK = "SELECT pg_terminate_backend(pg_backend_pid())"
FORGET = "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"
ADD = "INSERT INTO millrace_queue (name) VALUES (%(name)s)"


@pytest.fixture
def own(transactional_db: None) -> Iterator[OwnDatabase]:
    database = OwnDatabase("test")
    yield database
    database.close()


def test_what_waits_for_the_commit_is_told_after_it(own: OwnDatabase) -> None:
    told: list[bool] = []

    with own.atomic():
        own.rows(ADD, {"name": "a"})
        own.after_commit(lambda: told.append(Queue.objects.filter(name="a").exists()))
        assert told == []

    assert told == [True]


def test_without_a_transaction_it_is_told_at_once(own: OwnDatabase) -> None:
    told: list[int] = []

    own.after_commit(lambda: told.append(1))

    assert told == [1]


def test_what_was_rolled_back_is_told_to_nobody(own: OwnDatabase) -> None:
    told: list[str] = []

    with own.atomic():
        own.after_commit(lambda: told.append("outer"))
        with contextlib.suppress(ZeroDivisionError), own.atomic():
            own.after_commit(lambda: told.append("inner"))
            raise ZeroDivisionError

    assert told == ["outer"]


def test_a_call_that_raises_harms_neither_the_commit_nor_the_others(own: OwnDatabase) -> None:
    told: list[int] = []

    with own.atomic():
        own.rows(ADD, {"name": "a"})
        own.after_commit(lambda: 1 / 0)
        own.after_commit(lambda: told.append(1))

    assert told == [1]
    assert Queue.objects.filter(name="a").exists()


def test_a_connection_that_broke_is_replaced(own: OwnDatabase) -> None:
    with pytest.raises(psycopg.OperationalError):
        own.rows(BREAK)

    assert own.rows("SELECT 1") == [(1,)]


def test_a_connection_that_broke_in_a_transaction_is_not_replaced_before_its_end(own: OwnDatabase) -> None:
    with pytest.raises(psycopg.OperationalError, match="rolled back"), own.atomic():
        with contextlib.suppress(psycopg.OperationalError):
            own.rows(BREAK)
        own.rows(ADD, {"name": "alone"})

    assert not Queue.objects.exists()
    assert own.rows("SELECT 1") == [(1,)]


def test_a_transaction_whose_connection_broke_is_not_taken_for_committed(own: OwnDatabase) -> None:
    told: list[int] = []

    with pytest.raises(psycopg.OperationalError), own.atomic():
        own.after_commit(lambda: told.append(1))
        own.rows(ADD, {"name": "lost"})
        with contextlib.suppress(psycopg.OperationalError):
            own.rows(BREAK)

    assert told == []


def prepare(own: OwnDatabase) -> None:
    """As often as it takes until the statement is a prepared one; then forget it, as poolers do."""
    for _ in range(6):
        own.rows("SELECT 2")
    assert own.rows("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 2'") == [(1,)]
    own.connection.execute(FORGET, prepare=False)


def test_a_prepared_statement_that_a_pooler_forgot_is_repeated_on_a_new_connection(own: OwnDatabase) -> None:
    prepare(own)

    assert [own.rows("SELECT 2") for _ in range(3)] == [[(2,)]] * 3


def test_in_a_transaction_a_forgotten_statement_fails_it_and_the_next_is_well(own: OwnDatabase) -> None:
    prepare(own)

    with pytest.raises(psycopg.errors.InvalidSqlStatementName), own.atomic():
        own.rows("SELECT 2")

    assert own.rows("SELECT 2") == [(2,)]


def ask_prepared() -> list[Any]:
    return DJANGO.rows("SELECT 3", is_fixed=True)


@pytest.fixture
def forgotten(transactional_db: None) -> Iterator[None]:
    """A front's connection behind a pooler that does not know what was prepared."""
    connection.close()
    for _ in range(6):
        ask_prepared()
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 3'"
    assert DJANGO.rows(prepared) == [(1,)]
    DJANGO.rows(FORGET)
    yield
    connection.close()


def test_a_front_repeats_plainly_what_a_pooler_forgot(forgotten: None) -> None:
    assert [ask_prepared() for _ in range(3)] == [[(3,)]] * 3
    assert DJANGO.rows("SELECT count(*) FROM pg_prepared_statements") == [(0,)]


def test_a_front_whose_transaction_was_forgotten_is_well_afterwards(forgotten: None) -> None:
    with pytest.raises(ProgrammingError, match="prepared statement"), transaction.atomic():
        ask_prepared()

    assert ask_prepared() == [(3,)]


def test_a_plan_whose_table_has_changed_is_made_anew(own: OwnDatabase) -> None:
    own.rows("CREATE TABLE grown (a int)")
    try:
        for _ in range(6):
            own.rows("SELECT * FROM grown")
        own.rows("ALTER TABLE grown ADD b int")

        assert own.rows("SELECT * FROM grown") == []
    finally:
        own.rows("DROP TABLE grown")


def test_the_loser_of_a_deadlock_repeats(own: OwnDatabase) -> None:
    """Two transactions lock the same two rows in opposite orders."""
    for name in "ab":
        own.rows(ADD, {"name": name})
    both_hold_one, tries = threading.Barrier(2), []

    def lock_both(database: OwnDatabase, names: str) -> None:
        tries.append(names)
        with database.atomic():
            for name in names:
                database.rows("SELECT 1 FROM millrace_queue WHERE name = %(name)s FOR UPDATE", {"name": name})
                if name == names[0] and len(tries) <= 2:
                    both_hold_one.wait(10)

    rival = OwnDatabase("rival")
    errors: list[psycopg.Error] = []

    def run_rival() -> None:
        try:
            again_on_deadlock(rival, lambda: lock_both(rival, "ba"))
        except psycopg.Error as error:
            errors.append(error)
        finally:
            rival.close()

    thread = threading.Thread(target=run_rival)
    thread.start()
    again_on_deadlock(own, lambda: lock_both(own, "ab"))
    thread.join(20)

    assert errors == []
    # Who was rolled back may take its first row again before the other wakes: then they meet once more.
    assert len(tries) > 2


def test_a_connection_that_the_server_ended_meanwhile_is_replaced_before_anything_is_asked(
    own: OwnDatabase,
) -> None:
    """Otherwise the first word after a restart fails, and a kind's ledger with it."""
    (pid,) = own.rows("SELECT pg_backend_pid()")[0]
    with psycopg.connect(**connection_params("other")) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    assert own.rows("SELECT pg_backend_pid()") != [(pid,)]


class SlowToHangUp:
    """A server's side of a connection: last words, and its end a moment later."""

    def __init__(self) -> None:
        ours, self._theirs = socket.socketpair()
        self._ours = ours
        self.socket = ours.fileno()
        self.status = ConnStatus.OK
        self._theirs.send(b"terminating connection")
        self._timer = threading.Timer(0.01, self._theirs.close)
        self._timer.start()

    def consume_input(self) -> None:
        if not self._ours.recv(100):
            self.status = ConnStatus.BAD

    def close(self) -> None:
        self._timer.join()
        self._ours.close()


def test_a_server_that_hangs_up_after_its_last_words_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the next statement, a request's first, would meet the end of the connection."""
    monkeypatch.setattr(database, "HANG_UP_SECONDS", 5.0)
    server = SlowToHangUp()

    hear_last_words(cast(Any, SimpleNamespace(lock=threading.Lock(), pgconn=server)))

    server.close()
    assert server.status == ConnStatus.BAD


@pytest.fixture
def discards(own: OwnDatabase, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When plans were given up, by a clock that is moved by hand."""
    discards: list[float] = []
    discard = own._discard_plans

    def discarded(connection: psycopg.Connection[Any]) -> None:
        discards.append(database.time.monotonic())
        discard(connection)

    monkeypatch.setattr(own, "_discard_plans", discarded)
    return discards


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(database.time, "monotonic", clock.monotonic)
    return clock


def test_plans_are_given_up_when_they_are_old(own: OwnDatabase, discards: list[float], clock: Clock) -> None:
    own.rows("SELECT 1")
    own.rows("SELECT 1")
    assert len(discards) == 1

    clock.now += PLANS_SECONDS * 1.1
    own.rows("SELECT 1")

    assert len(discards) == 2


def test_plans_renewed_while_nobody_waits_need_not_be_when_somebody_does(
    own: OwnDatabase, discards: list[float], clock: Clock
) -> None:
    own.rows("SELECT 1")
    assert not own.renew_plans(), "they are new"

    clock.now += PLANS_SECONDS * 0.6
    assert own.renew_plans()
    clock.now += PLANS_SECONDS * 0.6
    own.rows("SELECT 1")

    assert len(discards) == 2, "the first, and the renewal"
