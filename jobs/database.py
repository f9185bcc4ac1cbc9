"""Two ways to the same tables: Django's connection (the front) and a connection of one's own (workers).

A lifecycle verb takes either. The front's verbs run inside the caller's transaction. A worker keeps its own
connection because Celery closes Django's after every task, and a heartbeat must outlive a database restart.
No call needs a session: nothing is set, listened for or locked beyond its transaction.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from weakref import WeakSet

import psycopg
import psycopg.errors
import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg.pq import ConnStatus

from jobs.conf import conf

log = structlog.get_logger(__name__)

Row = tuple[Any, ...]
Params = Mapping[str, Any]
# A server, or a pooler between, that does not have our prepared statements as we know them. Refused before
# it did anything, so it may be repeated.
FORGOTTEN = (
    psycopg.errors.InvalidSqlStatementName,
    psycopg.errors.DuplicatePreparedStatement,
    psycopg.errors.FeatureNotSupported,  # "cached plan must not change result type"
)

PREPARED_AFTER = 3
"""What a connection has sent so often is prepared."""
HANG_UP_SECONDS = 0.05
"""How long the end of a connection may come after the server's last words."""
PLANS_SECONDS = 1.0
"""How long the plan of a prepared statement is kept. PostgreSQL keeps it until somebody analyzes the table:
one made while the table was small reads all of it, and still does when it has grown a thousandfold."""


class Database(Protocol):
    """What a lifecycle verb needs of a connection."""

    def rows(self, sql: str, params: Params | None = None, *, is_fixed: bool = False) -> list[Row]:
        """Run one statement; the rows it returned, or none.

        `is_fixed`: its plan is good however large the tables become, so that the server may keep it.
        """

    def atomic(self) -> AbstractContextManager[object]:
        """A transaction, or a savepoint in one."""

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Stream rows into a `COPY … FROM STDIN`."""

    def after_commit(self, call: Callable[[], object]) -> None:
        """Call once the transaction at hand has committed (at once if there is none)."""

    @property
    def is_in_transaction(self) -> bool:
        """Whether a caller's transaction is open, so that a failed statement cannot just be repeated."""


class DjangoDatabase:
    """Django's connection of this thread, in whatever transaction the caller has open."""

    def __init__(self, alias: str = DEFAULT_DB_ALIAS) -> None:
        self.alias = alias
        self._forgetful: WeakSet[psycopg.Connection[Row]] = WeakSet()
        """Connections behind which somebody does not keep what was prepared."""

    def rows(self, sql: str, params: Params | None = None, *, is_fixed: bool = False) -> list[Row]:
        if is_fixed and conf().prepared:
            return self._rows_prepared(sql, params)
        return self._rows(sql, params)

    def _rows(self, sql: str, params: Params | None) -> list[Row]:
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def _rows_prepared(self, sql: str, params: Params | None) -> list[Row]:
        """By a cursor of Django's that leaves the values to the server, which plans a statement once."""
        django = connections[self.alias]
        django.ensure_connection()
        connection = django.connection
        if connection in self._forgetful:
            return self._rows(sql, params)
        usual, connection.cursor_factory = connection.cursor_factory, ServerBindingCursor
        connection.prepare_threshold = PREPARED_AFTER
        try:
            return self._rows(sql, params)
        except DatabaseError as error:
            if not isinstance(error.__cause__, FORGOTTEN):
                raise
            self._forgetful.add(connection)
            if django.in_atomic_block:
                raise
            connection.cursor_factory = usual
            return self._rows(sql, params)
        finally:
            connection.cursor_factory, connection.prepare_threshold = usual, None

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with connections[self.alias].cursor() as cursor, cursor.copy(sql) as stream:
            for row in rows:
                stream.write_row(row)

    def atomic(self) -> AbstractContextManager[object]:
        return transaction.atomic(using=self.alias)

    def after_commit(self, call: Callable[[], object]) -> None:
        # Not `robust=True`: to log what failed, Django asks the call for a name that a partial does not have.
        transaction.on_commit(lambda: tell(call), using=self.alias)

    @property
    def is_in_transaction(self) -> bool:
        return connections[self.alias].in_atomic_block


class OwnDatabase:
    """A psycopg connection of one thread's own, opened when first needed and again after it broke."""

    def __init__(self, name: str, *, plans_seconds: float = PLANS_SECONDS) -> None:
        self.name = name
        self.plans_seconds = plans_seconds
        self._connection: psycopg.Connection[Row] | None = None
        self._calls: list[Callable[[], object]] = []
        self._depth = 0
        self._plans_until = 0.0
        self.opened = 0
        """How many connections there were, the present one included."""

    @property
    def connection(self) -> psycopg.Connection[Row]:
        """The open connection; raises psycopg.OperationalError where there is no server.

        Inside a transaction it is never replaced: what follows would be committed without what came before.
        """
        if self._connection is None or not self.is_open:
            if self._depth:
                raise psycopg.OperationalError("The connection broke; its transaction is rolled back.")
            self._connection = psycopg.connect(**connection_params(self.name))
            self.opened += 1
            self._connection.prepare_threshold = PREPARED_AFTER if conf().prepared else None
        return self._connection

    def rows(self, sql: str, params: Params | None = None, *, is_fixed: bool = False) -> list[Row]:
        try:
            return self._rows(sql, params)
        except FORGOTTEN:
            self.close()
            if self._depth:
                raise
            return self._rows(sql, params)

    def renew_plans(self) -> bool:
        """Forget plans that are half as old as they may become: a good deed while nobody waits.

        Whether there was reason to; the next statement of each kind makes a new one, for a millisecond.
        """
        if not conf().prepared or time.monotonic() < self._plans_until - self.plans_seconds / 2:
            return False
        self._discard_plans(self.connection)
        return True

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self.connection.cursor() as cursor, cursor.copy(sql) as stream:
            for row in rows:
                stream.write_row(row)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        calls_before = len(self._calls)
        try:
            with self.connection.transaction():
                self._depth += 1
                try:
                    yield
                    _ = self.connection  # psycopg leaves a broken transaction without a word
                finally:
                    self._depth -= 1
        except BaseException:
            del self._calls[calls_before:]  # what was rolled back is not told to anyone
            raise
        if self._depth == 0:
            self._run_calls()

    def after_commit(self, call: Callable[[], object]) -> None:
        if self._depth:
            self._calls.append(call)
        else:
            tell(call)

    @property
    def is_in_transaction(self) -> bool:
        return self._depth > 0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that did not break."""
        if self._connection is None:
            return False
        if not self._depth:
            hear_last_words(self._connection)
        return not (self._connection.closed or self._connection.broken)

    def close(self) -> None:
        """Give the connection back; the next statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, sql: str, params: Params | None) -> list[Row]:
        connection = self.connection
        if not self._depth and time.monotonic() > self._plans_until:
            self._discard_plans(connection)
        cursor = connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []

    def _discard_plans(self, connection: psycopg.Connection[Row]) -> None:
        connection.execute("DISCARD PLANS", prepare=False)
        self._plans_until = time.monotonic() + self.plans_seconds

    def _run_calls(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            tell(call)


def hear_last_words(connection: psycopg.Connection[Row]) -> None:
    """Read what a server said while nothing was asked of it: that it hangs up, as a rule.

    Otherwise the next statement would be the one to find out, and whoever asked it could not know whether it
    was done. Costs a system call. Whoever says something is given a moment to hang up: the end of a
    connection comes after its last words. One that another thread is using is not idle, and left alone.
    """
    if not connection.lock.acquire(blocking=False):
        return
    pgconn, patience = connection.pgconn, 0.0
    try:
        while pgconn.status == ConnStatus.OK and can_read(pgconn.socket, seconds=patience):
            pgconn.consume_input()
            patience = HANG_UP_SECONDS
    except psycopg.OperationalError:
        return  # by now it is marked as broken
    finally:
        connection.lock.release()


def can_read(number: int, *, seconds: float = 0.0) -> bool:
    """Whether bytes, or the end of them, wait on a socket, or come so soon."""
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def tell(call: Callable[[], object]) -> None:
    """Make a call that waited for the commit: what is committed does not fail because of it."""
    try:
        call()
    except Exception:
        log.exception("after_commit_failed")


def connection_params(name: str) -> dict[str, Any]:
    """What psycopg needs to reach Django's default database, with limits of its own on a dead network."""
    given = connections[DEFAULT_DB_ALIAS].get_connection_params()
    quarter_ms = int(conf().lease_seconds * 1000 / 4)
    keep = {key: given[key] for key in given if key not in {"context", "cursor_factory", "prepare_threshold"}}
    return {
        "connect_timeout": 5,
        "tcp_user_timeout": quarter_ms,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        **keep,
        "application_name": f"millrace {name}",
        "autocommit": True,
    }


DJANGO = DjangoDatabase()
"""The connection of the door at hand: the default of every verb."""
