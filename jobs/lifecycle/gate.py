"""Gate: the only place that holds jobs back. It moves what may run now into the line.

What cannot run now never stands in the line (`ready`), so that a claim scans nothing it cannot take: what is
not due, whose kind no live worker of its queue knows, what waits for a slot of a limit. A queue without any
live worker holds back nothing that comes to it, so that its jobs start the moment one appears.
"""

from __future__ import annotations

from functools import partial

from jobs import moved
from jobs.broker import ring_all
from jobs.database import DJANGO, Database
from jobs.lifecycle.known import admit_known, hold_unknown, passes, silent_seconds, stands_at
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.transition import Move
from jobs.lifecycle.turn import in_turn
from jobs.states import State

CHUNK = 1000

PROMOTE = Move(
    leaves={State.SCHEDULED, State.RETRYING},
    leads_to={State.QUEUED},
    picked=in_turn(
        """
        SELECT id, queue, priority, owner_id, run_at, seq FROM millrace_job
         WHERE state IN ('scheduled', 'retrying') AND run_at <= statement_timestamp()
         ORDER BY run_at LIMIT %(chunk)s FOR UPDATE SKIP LOCKED""",
        order="each.run_at, each.seq",
    ),
    sets=f"ready = {passes('job')}, held_by = {stands_at('job')}, turn = picked.turn",
    returning="job.queue, job.ready, job.limits::text, job.id",
)


def open_gate(*, db: Database = DJANGO) -> int:
    """Move what has become due, or known, into the line and ring for it; how many that were.

    What nobody knows any more is taken out of the head of its line.
    """
    hold_unknown(db)
    rows = PROMOTE.run(db, {"chunk": CHUNK, "silent": silent_seconds()}) + admit_known(db)
    db.after_commit(partial(ring_all, sorted({queue for queue, ready, *_ in rows if ready})))
    db.after_commit(partial(moved.tell, State.QUEUED, [row[3] for row in rows]))
    look_again((limits for _, ready, limits, _ in rows if not ready), db=db)
    return len(rows)
