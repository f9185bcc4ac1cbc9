"""Deep tables: millions of rows put in by SQL, in the real table with its real indexes, one database a depth.

What is waiting stands in two lines, one for jobs that are done one at a time and one for batches; what was
done is made up whenever something is measured. Around it stand finished jobs, jobs whose kind no worker
knows (`ready = false`), and jobs that are not due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from bench.lab import Lab, url_of

LINES = {"bench.one": "bench-one", "bench.many": "bench-many"}
CHUNK = 500_000
INSERT = """
    INSERT INTO millrace_job
           (id, kind, queue, state, ready, run_at, attempt, code, payload, owner_id, door, created_at,
            started_at, finished_at)
    SELECT uuidv7(), %(kind)s, %(queue)s, %(state)s, %(ready)s, {run_at}, %(attempt)s, %(code)s, '{{}}',
           %(owner)s, 'code', now() - interval '1 hour', {ended}, {ended}
      FROM generate_series(1, %(count)s)
"""
WAITING = "SELECT count(*) FROM millrace_job WHERE state = 'queued' AND ready AND queue = %s"


@dataclass(frozen=True)
class Surroundings:
    """What stands in the table besides the jobs that wait."""

    finished: int
    blocked: int
    not_due: int


class DeepTable:
    """One database with so many jobs in its lines."""

    def __init__(self, lab: Lab, waiting: int) -> None:
        self.waiting = waiting
        self.name = f"waiting_{waiting}"
        self.url = url_of(lab.postgres, self.name)

    def make(self, lab: Lab, template: str, said: Callable[[str], None]) -> None:
        """A copy of the surroundings, and the lines."""
        lab.sql(f"CREATE DATABASE {self.name} TEMPLATE {template} STRATEGY file_copy")
        with psycopg.connect(self.url, autocommit=True) as connection:
            for kind in LINES:
                self.top_up(connection, kind, 0, said)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def tidy(self, connection: psycopg.Connection) -> None:
        """Nothing is left of what was done, so that a table is measured by what is in it: autovacuum would
        come to one depth and not to the other."""
        connection.execute("VACUUM (INDEX_CLEANUP ON) millrace_job")
        connection.execute("CHECKPOINT")

    def top_up(
        self, connection: psycopg.Connection, kind: str, more: int, said: Callable[[str], None]
    ) -> None:
        """This line holds half of what waits, and `more`."""
        queue = LINES[kind]
        row = connection.execute(WAITING, [queue]).fetchone()
        missing = self.waiting // 2 + more - (row[0] if row else 0)
        insert(connection, missing, kind=kind, queue=queue, state="queued", ready=True, said=said)


def surround(lab: Lab, name: str, around: Surroundings, said: Callable[[str], None]) -> None:
    """A database with everything but the lines, to be copied."""
    from django.db import connections

    from jobs.owners import service_user

    service_user("bench")  # who owns them all
    connections.close_all()
    lab.sql(f"CREATE DATABASE {name} TEMPLATE {lab.postgres.url.rpartition('/')[2]}")
    with psycopg.connect(url_of(lab.postgres, name), autocommit=True) as connection:
        insert(connection, around.finished, kind="bench.one", queue="bench-one", state="succeeded", said=said)
        insert(connection, around.blocked, kind="bench.unknown", queue="bench-one", state="queued", said=said)
        insert(connection, around.not_due, kind="bench.one", queue="bench-one", state="scheduled", said=said)
        connection.execute("VACUUM ANALYZE")


def insert(
    connection: psycopg.Connection,
    count: int,
    *,
    kind: str,
    queue: str,
    state: str,
    ready: bool = False,
    said: Callable[[str], None],
) -> None:
    """So many rows alike, a chunk at a time."""
    is_over = state == "succeeded"
    statement = INSERT.format(
        run_at="now() + interval '1 day'" if state == "scheduled" else "NULL",
        ended="now() - interval '30 minutes'" if is_over else "NULL",
    )
    owner = connection.execute("SELECT min(id) FROM auth_user").fetchone()
    assert owner is not None
    given = {
        "kind": kind, "queue": queue, "state": state, "ready": ready, "attempt": int(is_over),
        "code": "ok" if is_over else "", "owner": owner[0],
    }  # fmt: skip
    for start in range(0, count, CHUNK):
        connection.execute(statement, {**given, "count": min(CHUNK, count - start)})
        said(f"{state} {min(start + CHUNK, count):,}/{count:,}")
