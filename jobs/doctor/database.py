"""PostgreSQL itself: whether it keeps what it was told, and has room for everybody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from jobs.checks import wrong_server
from jobs.database import Database
from jobs.doctor.examine import first_line
from jobs.doctor.finding import Finding, Seen, problem, unknown, warning
from jobs.doctor.looking import looking
from jobs.doctor.mask import mask

NEARLY, TOO = 0.8, 0.95
"""Which part of max_connections in use is worth a warning, and which a problem."""
OLD_IDS = 1_000_000_000
"""Transaction ids since the last freeze: autovacuum forces one at 0.2 billion, the server stops at 2.1."""
DEAD_ROUNDS, LEAST_DEAD = 10, 20_000
"""How many times the point at which autovacuum should have come."""

ASK = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::int,
           current_setting('fsync'), current_setting('full_page_writes'),
           current_setting('synchronous_commit'), current_setting('autovacuum'),
           current_setting('max_connections')::int,
           (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'),
           pg_is_in_recovery(), current_setting('default_transaction_read_only'),
           (SELECT age(datfrozenxid)::bigint FROM pg_database WHERE datname = current_database())
"""
DEAD = """
    SELECT pg_class.relname, n_live_tup, n_dead_tup, last_autovacuum, coalesce(reloptions::text, '')
      FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid
     WHERE pg_class.relname LIKE 'millrace\\_%%' AND pg_table_is_visible(relid)
"""


class Server(NamedTuple):
    """What it says about itself."""

    version: str
    number: int
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    autovacuum: str
    max_connections: int
    connections: int
    is_standby: bool
    read_only: str
    age: int


class Table(NamedTuple):
    """How much of a table is dead."""

    name: str
    live: int
    dead: int
    vacuumed_at: object
    options: str


def look() -> Seen:
    """Whether jobs can be kept."""
    begun = time.monotonic()
    try:
        with looking() as db:
            took = time.monotonic() - begun
            return look_through(db, took)
    except psycopg.OperationalError as error:
        return unreachable(error)


def look_through(db: Database, took: float) -> Seen:
    """All of it on one connection."""
    server = Server(*db.rows(ASK)[0])
    tables = [Table(*row) for row in db.rows(DEAD, {})]
    text = (
        f"PostgreSQL {server.version.split()[0]} answers in {took * 1000:.0f} ms,"
        f" {server.connections} of {server.max_connections} connections"
    )
    return Seen(text, [*wrong_version(server), *wrong_durability(server), *wrong_room(server),
                       *wrong_vacuum(server, tables)])  # fmt: skip


def wrong_version(server: Server) -> Iterator[Finding]:
    """Too old, or not the one that may be written to."""
    for found in wrong_server(server.number // 10_000):
        yield problem(
            "database.version",
            found.msg,
            why="Claims and locks use what older servers do not have.",
            remedy=str(found.hint),
        )
    if server.is_standby or server.read_only == "on":
        yield problem(
            "database.readonly",
            "It is a standby." if server.is_standby else "default_transaction_read_only is on.",
            why="Nothing can be accepted or claimed.",
            remedy="Let DATABASE_URL name the primary."
            if server.is_standby
            else "ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf();",
        )


def wrong_durability(server: Server) -> Iterator[Finding]:
    """What stands between an accepted job and a power cut."""
    losses = {
        "fsync": "A crash of the machine can destroy the whole database, with every accepted job.",
        "full_page_writes": "A crash of the machine can leave pages half written: jobs become unreadable.",
        "synchronous_commit": "A crash of the server loses jobs that were accepted a moment before, and"
        " can undo a recorded outcome, so that an effect happens twice.",
    }
    for name, why in losses.items():
        if getattr(server, name) == "off":
            yield problem(
                f"database.{name}",
                f"{name} is off.",
                why=why,
                remedy=f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"
                "   (also look at ALTER ROLE and the start command)",
            )


def wrong_room(server: Server) -> Iterator[Finding]:
    """How far from refusing the next process."""
    used = server.connections / server.max_connections
    if used < NEARLY:
        return
    make = problem if used >= TOO else warning
    yield make(
        "database.connections",
        f"{server.connections} of {server.max_connections} connections are in use.",
        why="The next worker or request is refused: 'too many clients already'.",
        remedy=f"ALTER SYSTEM SET max_connections = {2 * server.max_connections}; and restart it;"
        " or put PgBouncer between, in transaction mode",
    )


def wrong_vacuum(server: Server, tables: list[Table]) -> Iterator[Finding]:
    """A queue is a table that changes all the time: without vacuum every claim walks over the dead."""
    off = [table.name for table in tables if "autovacuum_enabled=false" in table.options]
    if server.autovacuum == "off" or off:
        yield problem(
            "database.autovacuum",
            "autovacuum is off."
            if server.autovacuum == "off"
            else f"autovacuum is off for {', '.join(off)}.",
            why="Dead rows pile up, claims get slower by the hour, and the server stops one day.",
            remedy="ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();"
            if server.autovacuum == "off"
            else "; ".join(f"ALTER TABLE {name} RESET (autovacuum_enabled)" for name in off),
        )
    for table in tables:
        due = 1000 + 0.02 * table.live
        if table.dead > max(DEAD_ROUNDS * due, LEAST_DEAD):
            yield warning(
                "database.dead_rows",
                f"{table.name} has {table.dead:,} dead rows beside {table.live:,} live ones"
                + (f"; last vacuumed {table.vacuumed_at:%Y-%m-%d %H:%M} UTC." if table.vacuumed_at else
                   "; never vacuumed."),
                why="Every claim walks over them. Vacuum does not keep up, or an old snapshot forbids it.",
                remedy=f"VACUUM (VERBOSE, ANALYZE) {table.name}; and see Sessions for who forbids it",
            )  # fmt: skip
    if server.age > OLD_IDS:
        yield problem(
            "database.wraparound",
            f"{server.age / 1e6:,.0f} million transactions since the last freeze.",
            why="At 2,147 million the server accepts no writes any more.",
            remedy="VACUUM (FREEZE); and look for what holds it up under Sessions",
        )


def unreachable(error: Exception) -> Seen:
    """Nobody there, or nobody who lets us in."""
    given = connections[DEFAULT_DB_ALIAS].settings_dict
    where = f"{given['HOST'] or 'the local socket'}:{given['PORT'] or 5432}/{given['NAME']}"
    return Seen(
        f"{where} cannot be reached",
        [
            unknown(
                "database.away",
                f"{where} cannot be reached: {mask(first_line(error))}",
                why="Nothing can be accepted, claimed or recorded; workers keep results until it is back.",
                remedy="Start it (`make up` starts an embedded one), or correct DATABASE_URL.",
            )
        ],
    )
