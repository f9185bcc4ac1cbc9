"""Gate: the only place that holds jobs back. It moves what may run now into the line.

What cannot run now never stands in the line (`ready`), so that a claim scans nothing it cannot take.
A job whose kind no live worker of its queue knows is held back; a queue without any live worker holds
nothing, so that its jobs start the moment one appears.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from jobs.broker import ring_all
from jobs.database import DJANGO, Database
from jobs.lifecycle.known import admit_known, held, hold_unknown, silent_seconds
from jobs.lifecycle.transition import Move
from jobs.states import State

CHUNK = 1000

PROMOTE = Move(
    leaves={State.SCHEDULED, State.RETRYING},
    leads_to={State.QUEUED},
    picked="""
        SELECT id FROM millrace_job
         WHERE state IN ('scheduled', 'retrying') AND run_at <= statement_timestamp()
         ORDER BY run_at LIMIT %(chunk)s FOR UPDATE SKIP LOCKED""",
    sets=f"ready = NOT {held('job.queue', 'job.kind')}",
    returning="job.queue",
)
JUDGE = f"SELECT clock_timestamp(), NOT {held('%(queue)s', '%(kind)s')}"


def judge(kind: str, queue: str, run_at: datetime | None, *, db: Database = DJANGO) -> tuple[State, bool]:
    """Where a new job of this kind begins: its state, and whether it is ready."""
    now, is_known = db.rows(JUDGE, {"kind": kind, "queue": queue, "silent": silent_seconds()})[0]
    if run_at is not None and run_at > now:
        return State.SCHEDULED, False
    return State.QUEUED, bool(is_known)


def open_gate(*, db: Database = DJANGO) -> int:
    """Move what has become due, or known, into the line and ring for it; how many that were.

    What nobody knows any more is taken out of the head of its line.
    """
    hold_unknown(db)
    promoted = PROMOTE.run(db, {"chunk": CHUNK, "silent": silent_seconds()})
    queues = [row[0] for row in promoted] + admit_known(db)
    db.after_commit(partial(ring_all, sorted(set(queues))))
    return len(queues)
