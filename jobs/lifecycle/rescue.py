"""Rescue: jobs whose worker fell silent run again, or fail once their budget of worker deaths is used up.

Who is right when two disagree: the rescuer. From its commit on, the old attempt's renewals and its finish
find no row. A job that was lost in a batch is a suspect, not a culprit: it is claimed alone next, and only
a job that was lost alone is charged, so that one poisonous job does not condemn its neighbours.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from jobs import events, items, metrics, moved, outbox, results
from jobs.attempt import Outcome
from jobs.broker import ring_all
from jobs.conf import conf
from jobs.database import DJANGO, Database, Row
from jobs.failpoints import reach
from jobs.holder import ran_on, worker_of
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.registry import KINDS
from jobs.states import Code, State

log = structlog.get_logger(__name__)

CHUNK = 500
# Charged is a job that was lost alone, or is known to have been the one that ran.
CHARGED = "(job.alone OR %(is_known)s)"
SPENT = f"({CHARGED} AND job.crashes + 1 >= coalesce((%(budgets)s::jsonb ->> job.kind)::int, %(deaths)s))"
RESCUE = {
    "leaves": {State.RUNNING},
    "leads_to": {State.QUEUED, State.FAILED, State.CANCELLED},
    "to": f"CASE WHEN job.cancel_asked THEN 'cancelled' WHEN {SPENT} THEN 'failed' ELSE 'queued' END",
    "sets": f"""
        code = CASE WHEN job.cancel_asked THEN 'cancelled_by' WHEN {SPENT} THEN 'crash_budget' ELSE '' END,
        error = %(error)s,
        crashes = job.crashes + {CHARGED}::int,
        suspect = NOT {CHARGED},
        ready = NOT (job.cancel_asked OR {SPENT}),
        run_at = CASE WHEN job.cancel_asked OR {SPENT} THEN job.run_at ELSE clock_timestamp() END,
        finished_at = CASE WHEN job.cancel_asked OR {SPENT} THEN clock_timestamp() END,
        holder = NULL, lease = NULL""",
    "returning": "job.id, job.kind, job.queue, job.attempt, job.state, job.crashes, job.limits::text,"
    f"picked.holder, {worker_of('picked.holder')}",
}
EXPIRED = Move(
    picked="""
        SELECT id, holder FROM millrace_job WHERE lease < statement_timestamp() AND state = 'running'
         ORDER BY lease LIMIT %(chunk)s FOR UPDATE SKIP LOCKED""",
    **RESCUE,  # type: ignore[arg-type]
)
DEAD = Move(
    picked="SELECT %(job)s::uuid AS id, %(holder)s::uuid AS holder",
    guard="job.attempt = %(attempt)s AND job.holder = %(holder)s",
    **RESCUE,  # type: ignore[arg-type]
)


def rescue_expired(*, db: Database = DJANGO) -> list[UUID]:
    """Take back every lease that has run out; the jobs that were rescued."""
    error = f"Its worker fell silent for more than {conf().lease_seconds:g} s; the attempt counts as lost."
    return rescue(EXPIRED, {"chunk": CHUNK, "is_known": False}, error, db)


def rescue_dead(job: UUID, attempt: int, *, holder: UUID, why: str, db: Database = DJANGO) -> list[UUID]:
    """Take back the job that a worker child known to be dead was running when it died."""
    params = {"job": job, "attempt": attempt, "holder": holder, "is_known": True}
    return rescue(DEAD, params, why, db)


def rescue(move: Move, params: dict[str, Any], error: str, db: Database) -> list[UUID]:
    """One move, with what it leaves behind: a row in the timeline, a TaskResult, a bell."""
    budgets = {kind.name: kind.worker_deaths for kind in KINDS.all() if kind.worker_deaths is not None}
    params = {**params, "error": error, "budgets": json.dumps(budgets), "deaths": conf().worker_deaths}
    rows = again_on_deadlock(db, lambda: take_back(move, params, error, db))
    for job, kind, _, attempt, state, crashes, *_ in rows:
        log.warning("job_rescued", job_id=str(job), attempt=attempt, state=state, crashes=crashes)
        metrics.count("rescued", kind)
        if state != State.QUEUED:
            metrics.count("finished", kind, outcome=state)
    return [row[0] for row in rows]


def take_back(move: Move, params: dict[str, Any], error: str, db: Database) -> list[Row]:
    """The move, the timeline's rows and the TaskResults, in one transaction."""
    with db.atomic():
        rows = move.run(db, params)
        reach("rescue.after_select")
        events.record([(row[0], "lost", row[3], "", f"{error} {ran_on(*row[7:])}") for row in rows], db=db)
        ended = [row[0] for row in rows if row[4] != State.QUEUED]
        items.leave_uncertain(ended, db=db)
        outbox.tell(ended, db=db)
        results.keep([lost(row, error) for row in rows], db=db)
        look_again((row[6] for row in rows if row[4] != State.QUEUED), db=db)
        db.after_commit(partial(moved.tell_each, {row[0]: row[4] for row in rows}))
        db.after_commit(partial(ring_all, {row[2] for row in rows if row[4] == State.QUEUED}))
    return rows


def lost(row: tuple[Any, ...], error: str) -> Outcome:
    """A lost attempt, as TaskResult knows it."""
    job, kind, _, attempt, state, *_ = row
    ended = State(state) if state != State.QUEUED else State.RETRYING
    return Outcome(job=job, kind=kind, attempt=attempt, state=ended, code=Code.LOST, error=error)
