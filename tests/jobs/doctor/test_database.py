"""What doctor says of PostgreSQL: its settings, its room, its dead rows, its oldest snapshot, its clock."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from jobs.doctor import clock, database, sessions
from jobs.doctor.finding import State
from tests import embedded_servers
from tests.jobs.doctor.conftest import Look, ids, of, open_second, sql
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def for_everybody() -> Iterator[None]:
    """Settings of this database alone, taken back afterwards."""
    yield
    sql(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" RESET ALL')


def set_for_everybody(setting: str) -> None:
    sql(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" SET {setting}')


def test_a_server_that_may_lose_what_it_committed_is_a_problem(look: Look, for_everybody: None) -> None:
    set_for_everybody("synchronous_commit = off")

    area = look("database")

    # The suite's own server is careless about power cuts, on purpose.
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        found = of(area, f"database.{name}")
        assert found.state is State.PROBLEM
        assert f"ALTER SYSTEM SET {name} = on" in found.remedy


def test_a_database_that_is_read_only_is_a_problem(look: Look, for_everybody: None) -> None:
    set_for_everybody("default_transaction_read_only = on")

    area = look("database")

    sql("SET default_transaction_read_only = off")  # for the connection that takes it back
    assert of(area, "database.readonly").state is State.PROBLEM


def test_connections_are_told_before_they_run_out(look: Look) -> None:
    assert "database.connections" not in ids(look("database"))
    [(most,)] = rows("SELECT current_setting('max_connections')::int")

    many = [open_second() for _ in range(int(most * 0.85))]
    try:
        found = of(look("database"), "database.connections")
    finally:
        for one in many:
            one.close()

    assert found.state is State.WARNING
    assert f"of {most}" in found.found


def test_a_table_without_autovacuum_is_named(look: Look) -> None:
    sql("ALTER TABLE millrace_job SET (autovacuum_enabled = false)")
    try:
        found = of(look("database"), "database.autovacuum")
        sql(found.remedy)
        area = look("database")
    finally:
        sql("ALTER TABLE millrace_job RESET (autovacuum_enabled)")

    assert "millrace_job" in found.found
    assert "database.autovacuum" not in ids(area)


def test_dead_rows_are_counted(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LEAST_DEAD", 100)
    monkeypatch.setattr(database, "DEAD_ROUNDS", 0.1)
    sql("ALTER TABLE millrace_tally SET (autovacuum_enabled = false)")
    try:
        sql("INSERT INTO millrace_tally (metric, bucket) SELECT 'm', n::text FROM generate_series(1, 2000) n")
        sql("DELETE FROM millrace_tally")
        found = eventually(
            lambda: of(look("database"), "database.dead_rows"), timeout=30, what="the server counted them"
        )
    finally:
        sql("ALTER TABLE millrace_tally RESET (autovacuum_enabled)")

    assert "millrace_tally has 2,000 dead rows" in found.found
    assert "VACUUM (VERBOSE, ANALYZE) millrace_tally" in found.remedy


def test_a_snapshot_that_is_held_is_told_with_who_holds_it(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "OLD_SECONDS", 0.0)
    with open_second() as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM millrace_job")
        pid = other.info.backend_pid

        found = of(look("sessions"), "sessions.old_snapshot")
        monkeypatch.setattr(sessions, "TOO_OLD_SECONDS", 0.0)
        worse = of(look("sessions"), "sessions.old_snapshot")

    assert (found.state, worse.state) == (State.WARNING, State.PROBLEM)
    assert f"pid {pid} (somebody, " in found.found
    assert f"pg_terminate_backend({pid})" in found.remedy


def test_who_is_idle_in_a_transaction_is_told_once(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLD_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(sessions, name, 0.0)
    with open_second() as other:
        other.execute("DELETE FROM millrace_job")
        pid = other.info.backend_pid

        area = look("sessions")
        other.rollback()

    assert ids(area) == {"sessions.idle"}
    assert f"pid {pid} (somebody, " in of(area, "sessions.idle").found


def test_a_short_transaction_is_nothing_to_tell(look: Look) -> None:
    with open_second() as other:
        other.execute("SELECT 1")

        area = look("sessions")
        other.rollback()

    assert area.state is State.OK
    assert "1 transaction open" in area.seen.text


def test_our_clock_is_measured_within_the_round_trip(look: Look) -> None:
    assert look("clock").state is State.OK


@pytest.mark.parametrize(
    ("ahead", "state", "word"),
    [(10, State.WARNING, "ahead of"), (-90, State.PROBLEM, "behind")],
)
def test_a_clock_that_is_off_is_told(
    look: Look, monkeypatch: pytest.MonkeyPatch, ahead: int, state: State, word: str
) -> None:
    class Shifted:
        @staticmethod
        def time() -> float:
            return time.time() + ahead

    monkeypatch.setattr(clock, "time", Shifted)

    found = of(look("clock"), "clock.skew")

    assert found.state is state
    assert f"This machine is {abs(ahead)} s {word} the database" in found.found


def test_a_workers_clock_that_is_off_is_told(look: Look) -> None:
    sql(
        "INSERT INTO millrace_worker (id, name, pid, version, queues, kinds, slots, told_at)"
        " VALUES (gen_random_uuid(), 'w1@far', 1, '1', '{}', '{}', 1, now() + interval '50 s')"
    )

    assert "worker w1@far is 50 s ahead" in of(look("clock"), "clock.skew").found


def test_a_frozen_database_is_not_waited_for(look: Look) -> None:
    if embedded_servers.POSTGRES is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    pid = embedded_servers.POSTGRES.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # the postmaster, who lets people in
    try:
        database_area, tables = look("database", seconds=1), look("tables", seconds=1)
    finally:
        os.kill(pid, signal.SIGCONT)

    assert of(database_area, "database.silent").state is State.UNKNOWN
    assert ids(tables) == {"tables.skipped"}


def test_a_table_that_somebody_locked_is_not_waited_for(look: Look) -> None:
    with open_second() as other:
        other.execute("LOCK TABLE millrace_worker IN ACCESS EXCLUSIVE MODE")

        area = look("workers")
        other.rollback()

    assert "lock timeout" in of(area, "workers.error").found


def rows(statement: str) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
