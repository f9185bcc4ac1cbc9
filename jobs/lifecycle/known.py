"""Known kinds: a job that no live worker of its queue can do stands outside the line until one can.

Written as the gate's two statements over `ready`, and as the predicate `held` that submit, retry and the
reasons share, so that what is shown is what holds.
"""

from __future__ import annotations

from jobs.conf import conf
from jobs.database import Database, Row
from jobs.lifecycle.transition import again_on_deadlock

CHUNK = 1000
HEAD = 100
ROUNDS = 10
"""How much of each line one turn looks at, and how often while it finds something to move."""

# statement_timestamp(), because no index is asked about a clock that moves while it is read.
LIVE = "beat_at > statement_timestamp() - make_interval(secs => %(silent)s) AND NOT is_draining"


def held(queue: str, kind: str) -> str:
    """SQL that is true where live workers serve the queue and none of them knows the kind."""
    return f"(EXISTS ({serving(queue)}) AND NOT {can_be_done(queue, kind)})"


def can_be_done(queue: str, kind: str) -> str:
    """SQL that is true where a live worker serves the queue and knows the kind."""
    return f"EXISTS ({serving(queue)} AND {kind} = ANY (kinds))"


def serving(queue: str) -> str:
    """SQL: the live workers of the queue."""
    return f"SELECT 1 FROM millrace_worker WHERE {LIVE} AND {queue} = ANY (queues)"  # noqa: S608


def passes(job: str) -> str:
    """SQL that is true where a job may stand in line: its kind is known, and it is under no limit."""
    return f"(NOT {held(f'{job}.queue', f'{job}.kind')} AND {job}.limits IS NULL)"


def stands_at(job: str) -> str:
    """SQL: the key at which a job of a known kind waits for a slot; NULL if it is under no limit."""
    return f"(CASE WHEN NOT {held(f'{job}.queue', f'{job}.kind')} THEN {job}.limits -> 0 ->> 0 END)"


# From pair to pair along the index of what is held back, however many jobs each pair has. What is held when
# the last worker goes stays held until one comes that can do it: it would stand before all that the next can.
ADMIT = f"""
    WITH RECURSIVE pair AS (
        (SELECT kind, queue FROM millrace_job WHERE state = 'queued' AND NOT ready AND held_by IS NULL
          ORDER BY kind, queue LIMIT 1)
        UNION ALL
        SELECT next.kind, next.queue FROM pair, LATERAL (
            SELECT kind, queue FROM millrace_job
             WHERE state = 'queued' AND NOT ready AND held_by IS NULL
               AND (kind, queue) > (pair.kind, pair.queue)
             ORDER BY kind, queue LIMIT 1) AS next),
    known AS MATERIALIZED (SELECT kind, queue FROM pair WHERE {can_be_done("queue", "kind")}),
    picked AS (
        SELECT job.id FROM known, LATERAL (
            SELECT id FROM millrace_job
             WHERE state = 'queued' AND NOT ready AND held_by IS NULL
               AND kind = known.kind AND queue = known.queue
             LIMIT %(chunk)s FOR UPDATE SKIP LOCKED) AS job
         LIMIT %(chunk)s)
    UPDATE millrace_job AS job
       SET ready = job.limits IS NULL, held_by = job.limits -> 0 ->> 0, version = job.version + 1
      FROM picked WHERE job.id = picked.id AND job.state = 'queued'
    RETURNING job.queue, job.ready, job.limits::text, job.id
"""  # noqa: S608 - constants of ours
# What was in line when its last worker went, and the next one does not know: only the head of a line costs
# claims, and only a line that somebody serves is read.
DEMOTE = f"""
    WITH served AS MATERIALIZED (
        SELECT DISTINCT unnest(queues) AS queue FROM millrace_worker WHERE {LIVE}),
    head AS MATERIALIZED (
        SELECT job.id FROM served, LATERAL (
            SELECT id, kind FROM millrace_job
             WHERE state = 'queued' AND ready AND queue = served.queue
             ORDER BY priority DESC, turn, seq LIMIT {HEAD}) AS job
         WHERE {held("served.queue", "job.kind")}),
    picked AS (
        SELECT id FROM millrace_job
         WHERE id IN (SELECT id FROM head) AND state = 'queued' AND ready FOR UPDATE SKIP LOCKED)
    UPDATE millrace_job AS job SET ready = false, version = job.version + 1
      FROM picked WHERE job.id = picked.id AND job.state = 'queued'
    RETURNING job.id
"""  # noqa: S608 - constants of ours


def silent_seconds() -> float:
    """A worker that was not heard for this long does not count as live."""
    return conf().heartbeat_seconds * 3


def admit_known(db: Database) -> list[Row]:
    """Let pass whose kind is known by now; of each its queue, whether it is ready, its limits, its id."""
    params = {"chunk": CHUNK, "silent": silent_seconds()}
    admitted: list[Row] = []
    for _ in range(ROUNDS):
        rows = again_on_deadlock(db, lambda: db.rows(ADMIT, params))
        admitted += rows
        if len(rows) < CHUNK:
            break
    return admitted


def hold_unknown(db: Database) -> None:
    """Take out of the head of each line whose kind nobody knows any more."""
    params = {"silent": silent_seconds()}
    for _ in range(ROUNDS):
        if not again_on_deadlock(db, lambda: db.rows(DEMOTE, params)):
            return
