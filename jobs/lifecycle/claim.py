"""Claim: take ready jobs of one queue, in order, with a lease.

Who is right when two disagree: SKIP LOCKED gives every row to one of them. The claim commits by itself,
before the work starts; if we die on the next line, the lease runs out and rescue gives the jobs away.

A claim looks at the line from its head, or from a place in it: see `workers.low_water`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jobs.attempt import Claimed, Place
from jobs.conf import conf
from jobs.database import Database, Row
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
    extract(epoch FROM picked.seen_at - picked.began_at)::float8, job.limits::text,
    job.priority, job.turn, job.seq, """
# Whether somebody stands behind the one that was taken: asked where it decides if another child is woken.
# In order, though any will do: an EXISTS is planned as if the first row read were one, and reads all.
BEHIND = f"""
    coalesce(
        (SELECT true FROM millrace_job AS next
          WHERE next.state = 'queued' AND next.ready AND next.queue = %(queue)s
            AND next.priority = job.priority AND (next.turn, next.seq) > (job.turn, job.seq)
          ORDER BY {ORDER} LIMIT 1),
        (SELECT true FROM millrace_job AS next
          WHERE next.state = 'queued' AND next.ready AND next.queue = %(queue)s
            AND next.priority < job.priority
          ORDER BY {ORDER} LIMIT 1),
        false)"""  # noqa: S608
SETS = """
    attempt = job.attempt + 1, holder = %(holder)s, suspect = false, started_at = clock_timestamp(),
    lease = clock_timestamp() + make_interval(secs => %(lease)s)"""


AT_ONCE = "(SELECT statement_timestamp() AS at)"
"""When a look begins: with its statement, unless something else goes before it there."""


def one(first: str, began: str = AT_ONCE, has_more: str = BEHIND) -> Move:
    """The move of the first job for which that holds too."""
    return Move(
        leaves={State.QUEUED},
        leads_to={State.RUNNING},
        picked=f"""
            SELECT line.id, line.seen_at, began.at AS began_at FROM {began} AS began, LATERAL (
                SELECT id, clock_timestamp() AS seen_at FROM millrace_job
                 WHERE {first} AND began.at IS NOT NULL
                 ORDER BY {ORDER} LIMIT 1 FOR UPDATE SKIP LOCKED) AS line""",  # noqa: S608
        sets=SETS + ", alone = true",
        returning=RETURNING + has_more,
    )


def batch(first: str, began: str = AT_ONCE) -> Move:
    """The move of a run of one kind and priority from there on, as long as that kind allows.

    A suspect comes alone. Only what is taken is locked: a rival must not find the line empty because we
    looked at it. What is locked is found by its id (the LIMIT keeps every other condition out of that
    look-up), or the planner may read the whole line for it; so is what is moved (of an array it expects ten
    ids whatever it expects of the line), or it reads the whole table.
    """
    return Move(
        leaves={State.QUEUED},
        leads_to={State.RUNNING},
        before=f"""
            head AS MATERIALIZED (
                SELECT line.*, began.at AS began_at FROM {began} AS began, LATERAL (
                    SELECT id, kind, suspect, priority, turn, seq, clock_timestamp() AS seen_at
                      FROM millrace_job WHERE {first} AND began.at IS NOT NULL
                     ORDER BY {ORDER} LIMIT 1 FOR UPDATE SKIP LOCKED) AS line),
            near AS (
                SELECT near.* FROM head, LATERAL (
                    SELECT id, kind, suspect, turn, seq FROM millrace_job
                     WHERE {IN_LINE} AND priority = head.priority AND (turn, seq) > (head.turn, head.seq)
                     ORDER BY {ORDER}
                     LIMIT least(%(limit)s, (%(batches)s::jsonb ->> head.kind)::int) - 1) AS near
                 WHERE NOT head.suspect),
            run AS (
                SELECT near.id, bool_and(near.kind = head.kind AND NOT near.suspect) OVER (
                           ORDER BY near.turn, near.seq) AS is_unbroken
                  FROM near, head),
            rest AS MATERIALIZED (
                SELECT job.id FROM run, LATERAL (
                    SELECT id, state, ready FROM millrace_job
                     WHERE id = run.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS job
                 WHERE run.is_unbroken AND job.state = 'queued' AND job.ready)""",  # noqa: S608
        picked="""
            SELECT id, count(*) OVER () AS size, (SELECT seen_at FROM head), (SELECT began_at FROM head)
              FROM (SELECT id FROM head UNION ALL SELECT id FROM rest) AS taken""",
        sets=SETS + ", alone = (picked.size = 1)",
        guard="job.id = ANY (ARRAY(SELECT each.id FROM picked AS each))",
        returning=RETURNING + "true",
    )


ONWARD = f"{IN_LINE} AND priority = %(priority)s AND (turn, seq) >= (%(turn)s, %(seq)s)"
ONE, BATCH = one(IN_LINE), batch(IN_LINE)
ONE_ONWARD, BATCH_ONWARD = one(ONWARD), batch(ONWARD)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks for how many jobs of which queue; `kinds` is name → largest batch."""

    queue: str
    holder: UUID
    kinds: Mapping[str, int]
    limit: int = 1

    def move(self, start: Place | None) -> tuple[Move, dict[str, Any]]:
        """The move that takes them, and its parameters."""
        params: dict[str, Any] = {
            "queue": self.queue,
            "holder": self.holder,
            "kinds": list(self.kinds),
            "lease": conf().lease_seconds,
        }
        if start is not None:
            params |= start._asdict()
        if self.limit == 1:
            return (ONE_ONWARD if start else ONE), params
        batches = "{" + ", ".join(f'"{name}": {size}' for name, size in self.kinds.items()) + "}"
        params |= {"limit": self.limit, "batches": batches}
        return (BATCH_ONWARD if start else BATCH), params


def claim_jobs(asking: Asking, *, start: Place | None = None, db: Database) -> list[Claimed]:
    """Take ready jobs of a queue; with a start, only of its priority and not before it."""
    move, params = asking.move(start)
    return claimed(move.run(db, params))


def claimed(rows: Iterable[Row]) -> list[Claimed]:
    """What came back, in the line's order."""
    jobs = [Claimed._make([*row[:10], Place(*row[11:14]), row[10], row[14]]) for row in rows]
    return sorted(jobs, key=lambda job: (-job.place.priority, job.place.turn, job.place.seq))
