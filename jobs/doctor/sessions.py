"""Sessions: who holds an old snapshot, so that vacuum may not remove what is dead.

A queue's rows change several times each. As long as one transaction may still want to see how they were, all
those versions stay, and every claim walks over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.looking import looking
from jobs.doctor.words import counted, sentence, span

OLD_SECONDS, TOO_OLD_SECONDS = 5 * 60.0, 60 * 60.0
"""A snapshot: what is worth a warning, and what a problem. The longest kinds of ours take minutes."""
IDLE_SECONDS, TOO_IDLE_SECONDS = 60.0, 10 * 60.0
"""The same for a transaction in which nothing happens."""

HOLDERS = """
    SELECT pid, coalesce(nullif(application_name, ''), usename::text, backend_type), coalesce(state, ''),
           coalesce(client_addr::text, 'this machine'),
           extract(epoch FROM clock_timestamp() - xact_start)::float8,
           extract(epoch FROM clock_timestamp() - state_change)::float8,
           backend_xmin IS NOT NULL OR backend_xid IS NOT NULL
      FROM pg_stat_activity
     WHERE datname = current_database() AND xact_start IS NOT NULL
       AND application_name <> 'millrace doctor'
       AND backend_type IN ('client backend', 'parallel worker')
     ORDER BY xact_start
"""
PREPARED = """
    SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8
      FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
"""
SLOTS = """
    SELECT slot_name, active, greatest(age(xmin), age(catalog_xmin))::bigint,
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                ELSE pg_current_wal_lsn() END, restart_lsn)::float8
      FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL OR NOT active
"""
MAY_SEE = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
OLD_SLOT = 100_000
"""Transactions that a slot of a reader that went away may hold back."""


class Session(NamedTuple):
    """A transaction that is open."""

    pid: int
    name: str
    state: str
    where: str
    seconds: float
    idle_seconds: float | None
    holds: bool

    @property
    def is_idle(self) -> bool:
        """Whether it waits for its client, who may have forgotten it."""
        return self.state.startswith("idle in transaction")


class Slot(NamedTuple):
    """What a replica or a reader of changes has reserved."""

    name: str
    is_active: bool
    age: int | None
    kept_bytes: float | None


def look() -> Seen:
    """Everybody in this database whose transaction is open."""
    with looking() as db:
        sessions = [Session(*row) for row in db.rows(HOLDERS)]
        prepared = db.rows(PREPARED)
        slots = [Slot(*row) for row in db.rows(SLOTS)]
        may_see = bool(db.rows(MAY_SEE)[0][0])
    oldest = max((one.seconds for one in sessions), default=0.0)
    text = sentence(
        [
            f"{counted(len(sessions), 'transaction')} open",
            f"the oldest since {span(oldest)}" if sessions else "",
            "" if may_see else "only those of this user (GRANT pg_read_all_stats shows all)",
        ]
    )
    return Seen(text, [*idle(sessions), *old(sessions), *forgotten(prepared), *reserved(slots)])


def idle(sessions: list[Session]) -> Iterator[Finding]:
    """A transaction whose client does something else."""
    for one in sessions:
        waited = one.idle_seconds or 0.0
        if one.is_idle and waited >= IDLE_SECONDS:
            make = problem if waited >= TOO_IDLE_SECONDS else warning
            yield make(
                "sessions.idle",
                f"pid {one.pid} ({one.name}, {one.where}) is idle in a transaction since {span(waited)}.",
                why="It may hold locks and keeps vacuum from its work: claims get slower until it ends.",
                remedy=f"SELECT pg_terminate_backend({one.pid});   (and so that none stays:"
                " ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min'; SELECT pg_reload_conf();)",
            )


def old(sessions: list[Session]) -> Iterator[Finding]:
    """A statement or a transaction that goes on and on."""
    for one in sessions:
        is_told = one.is_idle and (one.idle_seconds or 0.0) >= IDLE_SECONDS
        if one.holds and one.seconds >= OLD_SECONDS and not is_told:
            make = problem if one.seconds >= TOO_OLD_SECONDS else warning
            yield make(
                "sessions.old_snapshot",
                f"pid {one.pid} ({one.name}, {one.where}) has held a snapshot for {span(one.seconds)}.",
                why="Vacuum may remove nothing that died since then: claims get slower until it ends.",
                remedy=f"SELECT pg_terminate_backend({one.pid});   (an export belongs on a replica,"
                " or into one statement for each part)",
            )


def forgotten(prepared: list[tuple[str, float]]) -> Iterator[Finding]:
    """Two-phase commits of which the second phase never came; they survive a restart."""
    for gid, seconds in prepared:
        if seconds >= OLD_SECONDS:
            make = problem if seconds >= TOO_OLD_SECONDS else warning
            yield make(
                "sessions.prepared",
                f"The prepared transaction {gid!r} is open since {span(seconds)}.",
                why="It holds its locks and its snapshot, even through a restart.",
                remedy=f"ROLLBACK PREPARED '{gid}';   (or COMMIT PREPARED; whoever made it knows which)",
            )


def reserved(slots: list[Slot]) -> Iterator[Finding]:
    """A replica that was taken down and forgotten."""
    for slot in slots:
        if (slot.age or 0) >= OLD_SLOT or not slot.is_active:
            held = f", {slot.age:,} transactions held back" if slot.age else ""
            kept = f", {slot.kept_bytes / 1024**2:,.0f} MB of WAL kept" if slot.kept_bytes else ""
            yield warning(
                "sessions.slot",
                f"The replication slot {slot.name} is {'behind' if slot.is_active else 'used by nobody'}"
                f"{held}{kept}.",
                why="Vacuum may not remove what it holds back, and its WAL fills the disk in the end.",
                remedy=f"Start its reader again, or SELECT pg_drop_replication_slot('{slot.name}');",
            )
