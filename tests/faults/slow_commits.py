"""Slow commits: a trigger that sleeps in the COMMIT of every change of state, and who waits for one now."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Self

import psutil

from tests.faults.lab import Lab

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

SECONDS = 0.06
"""For each row: time enough to see it and to send a signal."""
IN_COMMIT = """
    SELECT pid, query_start, client_port FROM pg_stat_activity
     WHERE application_name = 'millrace runner' AND wait_event = 'PgSleep'
"""


def slow_commits(lab: Lab, *, is_on: bool) -> None:
    """The trigger is deferred: it sleeps when the statement is done, and the commit is not."""
    lab.sql("DROP TRIGGER IF EXISTS slow_commit ON millrace_job")
    if is_on:
        lab.sql(
            "CREATE OR REPLACE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM pg_sleep({SECONDS}); RETURN NULL; END $$"
        )
        lab.sql(
            "CREATE CONSTRAINT TRIGGER slow_commit AFTER UPDATE ON millrace_job DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION slow_commit()"
        )


class Watcher:
    """Somebody who sees who waits for a COMMIT, and is quick: what takes long was looked up before."""

    def __init__(self, lab: Lab, workers: list[WorkerProcess]) -> None:
        self.lab = lab
        self._owners = {
            port: worker for worker in workers for child in worker.children for port in ports(child)
        }
        self._connection = lab.connection()
        self._seen: tuple[int, datetime] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def wait(self) -> WorkerProcess:
        """Until a child of one of them waits for its COMMIT; whose child."""
        found = self.lab.eventually(self._look, what="a child waits for its COMMIT")
        assert found is not None
        return found

    def is_under_way(self) -> bool:
        """Whether the COMMIT that was seen still is."""
        again = self._connection.execute(f"{IN_COMMIT} AND (pid, query_start) = (%s, %s)", self._seen)
        return again.fetchone() is not None

    def _look(self) -> WorkerProcess | None:
        for backend, since, port in self._connection.execute(IN_COMMIT).fetchall():
            if port in self._owners:
                self._seen = (backend, since)
                return self._owners[port]
        return None


def ports(pid: int) -> set[int]:
    """Our ends of a process's connections."""
    with suppress(psutil.NoSuchProcess):
        return {one.laddr.port for one in psutil.Process(pid).net_connections("tcp4") if one.laddr}
    return set()
