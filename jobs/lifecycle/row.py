"""The row of one new job, in one trip to the server; with the key under which it was asked for, if any."""

from __future__ import annotations

from jobs.database import Database, Params, Row
from jobs.idempotency import CLAIM, Promise, Taken
from jobs.lifecycle.begin import FIRST_TURN, KNOWN
from jobs.text import on_one_line

COLUMNS = (
    "id, kind, queue, state, ready, held_by, limits, turn, priority, run_at, payload, owner_id, group_id,"
    " door, rerun_of"
)
# Where a job begins is asked where it is written.
WRITE = f"""
    INSERT INTO millrace_job ({COLUMNS})
    SELECT %(id)s::uuid, %(kind)s, %(queue)s, CASE WHEN due THEN 'queued' ELSE 'scheduled' END,
           due AND known AND limits IS NULL, CASE WHEN due AND known THEN limits -> 0 ->> 0 END, limits,
           CASE WHEN due THEN {FIRST_TURN} ELSE 0 END, %(priority)s, %(run_at)s::timestamptz,
           %(payload)s::jsonb, %(owner)s, %(group)s::integer, %(door)s, %(rerun_of)s::uuid
"""
BEGINNING = f"""
    (SELECT coalesce(%(run_at)s::timestamptz <= clock_timestamp(), true) AS due, {KNOWN} AS known,
            %(limits)s::jsonb AS limits) AS beginning
"""
INSERT = on_one_line(f"{WRITE} FROM {BEGINNING} RETURNING ready, held_by")
INSERT_ONCE = on_one_line(
    f"WITH claimed AS ({CLAIM}) {WRITE} FROM claimed, {BEGINNING} RETURNING ready, held_by"
)
"""The same if the key of what is promised can be claimed; else no row, and no job."""


def insert_job(row: Params, promise: Promise | None, *, db: Database) -> Row:
    """Write the job; whether it is ready, and at which key it is held. Raises Taken."""
    if promise is None:
        (written,) = db.rows(INSERT, row, is_fixed=True)
        return written
    if not (found := db.rows(INSERT_ONCE, {**row, **promise.params()}, is_fixed=True)):
        raise Taken(promise.key.key)
    return found[0]
