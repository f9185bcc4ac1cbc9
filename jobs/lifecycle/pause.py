"""Pause and resume a queue: jobs stay in the line, nothing is claimed. Jobs that run go on."""

from __future__ import annotations

from jobs.broker import ring
from jobs.database import DJANGO, Database

PAUSE = """
    INSERT INTO millrace_queue (name, is_paused, pause_reason, paused_by, paused_at)
    VALUES (%(name)s, true, %(reason)s, %(actor)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE
       SET is_paused = true, pause_reason = excluded.pause_reason, paused_by = excluded.paused_by,
           paused_at = excluded.paused_at
"""
RESUME = """
    UPDATE millrace_queue SET is_paused = false, pause_reason = '', paused_by = %(actor)s, paused_at = NULL
     WHERE name = %(name)s AND is_paused
    RETURNING name
"""


def pause_queue(name: str, *, actor: str, reason: str = "", db: Database = DJANGO) -> None:
    """Claim nothing from this queue until it is resumed; survives every restart."""
    db.rows(PAUSE, {"name": name, "actor": actor, "reason": reason})


def resume_queue(name: str, *, actor: str, db: Database = DJANGO) -> bool:
    """Let jobs be claimed again, and ring; False if it was not paused."""
    was_paused = bool(db.rows(RESUME, {"name": name, "actor": actor}))
    db.after_commit(lambda: ring(name))
    return was_paused
