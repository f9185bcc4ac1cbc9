"""A streaming standby of the lab's PostgreSQL, made by pg_basebackup from the same wheel."""

from __future__ import annotations

from pathlib import Path

import psycopg

from core.embedded.ports import LOOPBACK
from core.embedded.postgres import STATUS_LINE, SUPERUSER, Postgres


class Standby(Postgres):
    """Asynchronous: what it has not received when the primary dies is lost, as failovers lose it."""

    def __init__(self, directory: Path, primary_port: int) -> None:
        super().__init__(directory, is_durable=False)
        self.primary_port = primary_port

    def make_cluster(self) -> None:
        primary = f"host={LOOPBACK} port={self.primary_port} user={SUPERUSER}"
        self.run("pg_basebackup", "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "-d", primary)

    def is_ready(self) -> bool:
        """A standby says so in the place where a primary says `ready`."""
        try:
            status = (self.data / "postmaster.pid").read_text().splitlines()[STATUS_LINE].strip()
        except (OSError, IndexError):
            return False
        return status in {"standby", "ready"}

    def has(self, position: str) -> bool:
        """Whether it has replayed the primary's log up to there."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]).fetchone()
        return bool(row and row[0])

    def promote(self) -> None:
        """It takes writes from now on."""
        with psycopg.connect(self.url) as connection:
            connection.execute("SELECT pg_promote()")
