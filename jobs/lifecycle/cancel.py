"""Cancel: what waits is cancelled at once; what runs is asked to stop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from jobs import events, items, metrics, moved, outbox, results
from jobs.attempt import Outcome
from jobs.database import DJANGO, Database
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.states import Code, State

# Rows in the order of their ids, so that two cancellations of the same jobs do not wait for each other.
WAITING = Move(
    leaves={State.SCHEDULED, State.QUEUED, State.RETRYING},
    leads_to={State.CANCELLED},
    picked="SELECT id FROM millrace_job WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE",
    sets="""
        code = 'cancelled_by', error = %(error)s, ready = false, held_by = NULL,
        finished_at = clock_timestamp()""",
    returning="job.id, job.kind, job.attempt, job.limits::text",
)
ASK = """
    UPDATE millrace_job SET cancel_asked = true, version = version + 1
     WHERE id = ANY (%(ids)s) AND state = 'running' AND NOT cancel_asked
    RETURNING id, attempt
"""


def cancel_jobs(ids: Sequence[UUID], *, actor: str, db: Database = DJANGO) -> list[UUID]:
    """Cancel what waits, ask what runs; the ids for which either was done. The rest had ended already.

    A running kind stops at its next `context.check()`; if it does not check, it is interrupted.
    """
    return again_on_deadlock(db, lambda: cancel(list(ids), actor, db))


def cancel(ids: list[UUID], actor: str, db: Database) -> list[UUID]:
    """Both statements and the timeline's rows, in one transaction."""
    error = f"Cancelled by {actor}."
    params = {"ids": ids, "error": error}
    with db.atomic():
        cancelled = WAITING.run(db, params)
        asked = db.rows(ASK, params)
        events.record(
            [(job, "cancelled", attempt, actor, "") for job, _, attempt, _ in cancelled]
            + [(job, "cancel_asked", attempt, actor, "") for job, attempt in asked],
            db=db,
        )
        items.leave_uncertain([row[0] for row in cancelled], db=db)
        outbox.tell([row[0] for row in cancelled], db=db)
        results.keep_jobs([ended(job, kind, attempt, error) for job, kind, attempt, _ in cancelled], db=db)
        look_again((row[3] for row in cancelled), db=db)
        states = {row[0]: State.CANCELLED for row in cancelled} | {row[0]: State.RUNNING for row in asked}
        db.after_commit(partial(moved.tell_each, states))
    for _, kind, _, _ in cancelled:
        metrics.count("finished", kind, outcome="cancelled")
    return [row[0] for row in cancelled + asked]


def ended(job: UUID, kind: str, attempt: int, error: str) -> Outcome:
    """A job that ended between two attempts, as TaskResult knows it."""
    return Outcome(
        job=job, kind=kind, attempt=attempt, state=State.CANCELLED, code=Code.CANCELLED_BY, error=error
    )
