"""Retry: a recorded act that gives a failed or cancelled job fresh budgets. A success is never reopened."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from jobs import events, moved
from jobs.broker import ring_all
from jobs.database import DJANGO, Database
from jobs.lifecycle.known import passes, silent_seconds, stands_at
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.lifecycle.turn import in_turn
from jobs.states import State

RETRY = Move(
    leaves={State.FAILED, State.CANCELLED},
    leads_to={State.QUEUED},
    picked=in_turn(
        """
        SELECT id, queue, priority, owner_id, seq FROM millrace_job
         WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE""",
        order="each.seq",
    ),
    sets=f"""
        ready = {passes("job")}, held_by = {stands_at("job")}, turn = picked.turn,
        failures = 0, crashes = 0, suspect = false,
        cancel_asked = false, code = '', error = '', run_at = clock_timestamp(),
        finished_at = NULL""",
    returning="job.id, job.queue, job.attempt, job.ready, job.limits::text",
)


def retry_jobs(ids: Sequence[UUID], *, actor: str, db: Database = DJANGO) -> list[UUID]:
    """Queue failed and cancelled jobs again, with fresh budgets; the ids that were."""
    return again_on_deadlock(db, lambda: reopen(list(ids), actor, db))


def reopen(ids: list[UUID], actor: str, db: Database) -> list[UUID]:
    """The move and the timeline's rows, in one transaction."""
    with db.atomic():
        rows = RETRY.run(db, {"ids": ids, "silent": silent_seconds()})
        events.record([(job, "retried", attempt, actor, "") for job, _, attempt, *_ in rows], db=db)
        db.after_commit(partial(ring_all, {row[1] for row in rows if row[3]}))
        db.after_commit(partial(moved.tell, State.QUEUED, [row[0] for row in rows]))
        look_again((row[4] for row in rows if not row[3]), db=db)
    return [row[0] for row in rows]
