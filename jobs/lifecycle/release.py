"""Release: a worker hands jobs back, uncharged: because it stops, or until what a job needs may be free.

What was to be cancelled is cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from jobs import events, items, metrics, moved, outbox, results
from jobs.attempt import Outcome
from jobs.broker import ring_all
from jobs.database import Database, Row
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.states import Code, State

RELEASE = Move(
    leaves={State.RUNNING},
    leads_to={State.QUEUED, State.SCHEDULED, State.CANCELLED},
    picked="SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[]) AS held (id, attempt)",
    to="""CASE WHEN job.cancel_asked THEN 'cancelled' WHEN %(seconds)s > 0 THEN 'scheduled'
               ELSE 'queued' END""",
    sets="""
        ready = NOT job.cancel_asked AND %(seconds)s <= 0, holder = NULL, lease = NULL,
        code = CASE WHEN job.cancel_asked THEN 'cancelled_by' ELSE '' END,
        error = CASE WHEN job.cancel_asked THEN %(error)s ELSE job.error END,
        run_at = CASE WHEN job.cancel_asked THEN job.run_at
                      ELSE clock_timestamp() + make_interval(secs => %(seconds)s) END,
        finished_at = CASE WHEN job.cancel_asked THEN clock_timestamp() END""",
    guard="job.attempt = picked.attempt AND job.holder = %(holder)s",
    returning="job.id, job.kind, job.queue, job.attempt, job.state, job.limits::text",
)
STOPPED = "Cancelled when its worker handed it back."


HELD = """
    SELECT id, kind, attempt, failures FROM millrace_job
     WHERE lease IS NOT NULL AND holder = %(holder)s AND state = 'running'
"""


def held_by(holder: UUID, *, db: Database) -> list[tuple[UUID, str, int, int]]:
    """What a holder has leases for: job, kind, attempt, failures before it."""
    return [(row[0], row[1], row[2], row[3]) for row in db.rows(HELD, {"holder": holder})]


def release_jobs(
    held: Mapping[UUID, int], *, holder: UUID, again_in_seconds: float = 0.0, why: str = "", db: Database
) -> set[UUID]:
    """Hand back jobs (id → attempt) this holder claimed; the ids that were still its own.

    They stand in the line at once, or are due in so many seconds; then `why` tells their timeline what for.
    """
    if not held:
        return set()
    rows = again_on_deadlock(db, lambda: hand_back(held, holder, again_in_seconds, why, db))
    for _, kind, _, _, state, _ in rows:
        if state == State.CANCELLED:
            metrics.count("finished", kind, outcome=state)
    return {row[0] for row in rows}


def hand_back(held: Mapping[UUID, int], holder: UUID, seconds: float, why: str, db: Database) -> list[Row]:
    """The move, its place in the timeline, and what the cancelled ones leave behind, in one transaction."""
    params = {
        "holder": holder,
        "ids": list(held),
        "attempts": list(held.values()),
        "error": STOPPED,
        "seconds": float(seconds),
    }
    with db.atomic():
        rows = RELEASE.run(db, params)
        kept = [row for row in rows if row[4] != State.CANCELLED]
        events.record([(row[0], "released", row[3], "", why) for row in kept], db=db)
        if ended := [row for row in rows if row[4] == State.CANCELLED]:
            events.record([(row[0], "cancelled", row[3], "", STOPPED) for row in ended], db=db)
            items.leave_uncertain([row[0] for row in ended], db=db)
            outbox.tell([row[0] for row in ended], db=db)
            results.keep([cancelled(row) for row in ended], db=db)
        look_again((row[5] for row in rows if row[4] != State.QUEUED), db=db)
        db.after_commit(partial(moved.tell_each, {row[0]: row[4] for row in rows}))
        db.after_commit(partial(ring_all, {row[2] for row in rows if row[4] == State.QUEUED}))
    return rows


def cancelled(row: Row) -> Outcome:
    """An attempt that was to stop and was handed back, as TaskResult knows it."""
    job, kind, _, attempt, *_ = row
    return Outcome(
        job=job, kind=kind, attempt=attempt, state=State.CANCELLED, code=Code.CANCELLED_BY, error=STOPPED
    )
