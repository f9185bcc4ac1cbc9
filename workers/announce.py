"""Announce: a worker's main process says in a table that it is there, and what it is able to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from uuid import UUID, uuid4

from jobs import VERSION
from jobs.database import Database
from jobs.registry import KINDS
from workers.shared import FLAGS, Drain

ANNOUNCE = """
    INSERT INTO millrace_worker AS known (id, name, pid, version, queues, kinds, slots, is_draining)
    VALUES (%(id)s, %(name)s, %(pid)s, %(version)s, %(queues)s, %(kinds)s, %(slots)s, %(is_draining)s)
    ON CONFLICT (id) DO UPDATE
       SET queues = excluded.queues, kinds = excluded.kinds, slots = excluded.slots,
           is_draining = excluded.is_draining, beat_at = clock_timestamp()
"""
LEAVE = "DELETE FROM millrace_worker WHERE id = %(id)s"
# A worker that was killed says no good-bye; after a day nobody asks for it any more.
FORGET = "DELETE FROM millrace_worker WHERE beat_at < clock_timestamp() - interval '1 day'"


class Announcement:
    """One worker's row."""

    def __init__(self, name: str, *, slots: int, queues: Callable[[], list[str]]) -> None:
        self.id: UUID = uuid4()
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
            },
        )
        db.rows(FORGET)

    def leave(self, db: Database) -> None:
        """Say good-bye."""
        db.rows(LEAVE, {"id": self.id})
