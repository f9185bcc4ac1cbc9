"""Announce: a worker's main process, or Beat, says in a table that it is there, and what it is able to do.

Each also tells its own clock. `beat_at` is the database's, and rules; the difference is what `doctor` shows.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

from jobs import VERSION
from jobs.database import Database
from jobs.registry import KINDS
from workers.shared import FLAGS, WORKER, Drain

ANNOUNCE = """
    INSERT INTO millrace_worker AS known
           (id, name, pid, version, queues, kinds, slots, is_draining, told_at)
    VALUES (%(id)s, %(name)s, %(pid)s, %(version)s, %(queues)s, %(kinds)s, %(slots)s, %(is_draining)s,
            %(told_at)s)
    ON CONFLICT (id) DO UPDATE
       SET queues = excluded.queues, kinds = excluded.kinds, slots = excluded.slots,
           is_draining = excluded.is_draining, told_at = excluded.told_at, beat_at = clock_timestamp()
"""
LEAVE = "DELETE FROM millrace_worker WHERE id = %(id)s"
# A worker that was killed says no good-bye; after a day nobody asks for it any more.
FORGET = "DELETE FROM millrace_worker WHERE beat_at < clock_timestamp() - interval '1 day'"

ANNOUNCE_BEAT = """
    INSERT INTO millrace_beat (id, name, pid, version, tick_seconds, told_at)
    VALUES (%(id)s, %(name)s, %(pid)s, %(version)s, %(tick_seconds)s, %(told_at)s)
    ON CONFLICT (id) DO UPDATE
       SET tick_seconds = excluded.tick_seconds, told_at = excluded.told_at, beat_at = clock_timestamp()
"""
LEAVE_BEAT = "DELETE FROM millrace_beat WHERE id = %(id)s"
FORGET_BEATS = "DELETE FROM millrace_beat WHERE beat_at < clock_timestamp() - interval '1 day'"


class Announces(Protocol):
    """Whoever keeps a row about itself."""

    def beat(self, db: Database) -> None:
        """Say that we are here."""

    def leave(self, db: Database) -> None:
        """Say good-bye."""


class Announcement:
    """One worker's row."""

    def __init__(self, name: str, *, slots: int, queues: Callable[[], list[str]]) -> None:
        self.id = WORKER
        self.name = name
        self.slots = slots
        self.queues = queues

    def beat(self, db: Database) -> None:
        """Say that we are here."""
        db.rows(
            ANNOUNCE,
            {
                "id": self.id,
                "name": self.name,
                "pid": os.getpid(),
                "version": VERSION,
                "queues": self.queues(),
                "kinds": [kind.name for kind in KINDS.all()],
                "slots": self.slots,
                "is_draining": FLAGS.drain is not Drain.NONE,
                "told_at": datetime.now(UTC),
            },
        )
        db.rows(FORGET)

    def leave(self, db: Database) -> None:
        """Say good-bye."""
        db.rows(LEAVE, {"id": self.id})


class BeatAnnouncement:
    """The row of this Beat.

    `tick_age` tells how many seconds ago its scheduler looked, None if nobody knows: the thread that
    announces lives on where the scheduler hangs.
    """

    def __init__(self, tick_age: Callable[[], float | None]) -> None:
        self.id: UUID = uuid4()
        self.tick_age = tick_age

    def beat(self, db: Database) -> None:
        """Say that we are here."""
        db.rows(
            ANNOUNCE_BEAT,
            {
                "id": self.id,
                "name": platform.node(),
                "pid": os.getpid(),
                "version": VERSION,
                "tick_seconds": self.tick_age(),
                "told_at": datetime.now(UTC),
            },
        )
        db.rows(FORGET_BEATS)

    def leave(self, db: Database) -> None:
        """Say good-bye."""
        db.rows(LEAVE_BEAT, {"id": self.id})
