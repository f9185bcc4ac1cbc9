"""Claim: take ready jobs of one queue, in order, with a lease.

Who is right when two disagree: SKIP LOCKED gives every row to one of them. The claim commits by itself,
before the work starts; if we die on the next line, the lease runs out and rescue gives the jobs away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from jobs.conf import conf
from jobs.database import Database
from jobs.lifecycle.transition import Move
from jobs.states import State

# A paused queue gives nothing; a kind this worker does not know is left to others (old worker, new front).
IN_LINE = """
    state = 'queued' AND ready AND queue = %(queue)s
    AND NOT EXISTS (SELECT 1 FROM millrace_queue WHERE name = %(queue)s AND is_paused)
    AND kind = ANY (%(kinds)s)"""
ORDER = "priority DESC, turn, seq"
RETURNING = """
    job.id, job.kind, job.attempt, job.payload::text, job.owner_id, job.failures, job.crashes, job.alone,
    greatest(0, extract(epoch FROM clock_timestamp() - greatest(job.created_at, job.run_at)))::float8,
    job.priority, job.turn, job.seq"""
SETS = """
    attempt = job.attempt + 1, holder = %(holder)s, suspect = false, started_at = clock_timestamp(),
    lease = clock_timestamp() + make_interval(secs => %(lease)s)"""

ONE = Move(
    leaves={State.QUEUED},
    leads_to={State.RUNNING},
    picked=f"SELECT id FROM millrace_job WHERE {IN_LINE} ORDER BY {ORDER} LIMIT 1 FOR UPDATE SKIP LOCKED",  # noqa: S608
    sets=SETS + ", alone = true",
    returning=RETURNING,
)
# A batch is a run of one kind from the head of the line, as long as that kind allows; a suspect comes alone.
# Only what is taken is locked: a rival must not find the line empty because we looked at it.
BATCH = Move(
    leaves={State.QUEUED},
    leads_to={State.RUNNING},
    before=f"""
        head AS MATERIALIZED (
            SELECT id, kind, suspect, priority, turn, seq FROM millrace_job
             WHERE {IN_LINE} ORDER BY {ORDER} LIMIT 1 FOR UPDATE SKIP LOCKED),
        near AS (
            SELECT near.* FROM head, LATERAL (
                SELECT id, kind, suspect, priority, turn, seq FROM millrace_job
                 WHERE {IN_LINE} AND (-priority, turn, seq) > (-head.priority, head.turn, head.seq)
                 ORDER BY {ORDER} LIMIT least(%(limit)s, (%(batches)s::jsonb ->> head.kind)::int) - 1) AS near
             WHERE NOT head.suspect),
        run AS (
            SELECT near.id, bool_and(near.kind = head.kind AND NOT near.suspect) OVER (
                       ORDER BY near.priority DESC, near.turn, near.seq) AS is_unbroken
              FROM near, head),
        rest AS MATERIALIZED (
            SELECT id FROM millrace_job
             WHERE id IN (SELECT id FROM run WHERE is_unbroken) AND {IN_LINE} FOR UPDATE SKIP LOCKED)""",  # noqa: S608
    picked="""
        SELECT id, count(*) OVER () AS size
          FROM (SELECT id FROM head UNION ALL SELECT id FROM rest) AS taken""",
    sets=SETS + ", alone = (picked.size = 1)",
    returning=RETURNING,
)


class Claimed(NamedTuple):
    """A job this holder may try now; `waited_seconds` is since it could last have been claimed."""

    id: UUID
    kind: str
    attempt: int
    payload: str
    owner: int
    failures: int
    crashes: int
    alone: bool
    waited_seconds: float


def claim_jobs(
    queue: str,
    *,
    holder: UUID,
    kinds: Mapping[str, int],
    limit: int = 1,
    db: Database,
) -> list[Claimed]:
    """Take up to `limit` ready jobs of a queue, for kinds (name → largest batch) this worker knows."""
    params = {
        "queue": queue,
        "holder": holder,
        "kinds": list(kinds),
        "lease": conf().lease_seconds,
    }
    if limit == 1:
        rows = ONE.run(db, params)
    else:
        batches = "{" + ", ".join(f'"{name}": {size}' for name, size in kinds.items()) + "}"
        rows = BATCH.run(db, {**params, "limit": limit, "batches": batches})
        rows.sort(key=lambda row: (-row[9], row[10], row[11]))
    return [Claimed(*row[:9]) for row in rows]
