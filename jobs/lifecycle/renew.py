"""Renew: the heartbeat prolongs the leases a holder has, and learns what it lost or should stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from jobs.conf import conf
from jobs.database import Database
from jobs.failpoints import reach
from jobs.lifecycle.transition import again_on_deadlock

# No lease outlives its job's hard limit: a worker that hangs cannot hold a job for ever.
RENEW = """
    UPDATE millrace_job AS job
       SET lease = greatest(
               job.lease, clock_timestamp() + make_interval(secs => least(%(lease)s, held.remains)))
      FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(lefts)s::float8[]) AS held (id, attempt, remains)
     WHERE job.id = held.id AND job.state = 'running' AND job.attempt = held.attempt
       AND job.holder = %(holder)s
    RETURNING job.id, job.cancel_asked
"""
ASKED = """
    SELECT id FROM millrace_job
     WHERE id = ANY (%(ids)s) AND state = 'running' AND holder = %(holder)s AND cancel_asked
"""


class Renewed(NamedTuple):
    """What a heartbeat learned: jobs still held, of those the ones to stop."""

    kept: set[UUID]
    cancelled: set[UUID]


def renew_leases(held: Mapping[UUID, tuple[int, float]], *, holder: UUID, db: Database) -> Renewed:
    """Prolong leases; `held` is job id → (attempt, seconds left until its hard limit and grace are over)."""
    reach("renew.before")
    rows = again_on_deadlock(
        db,
        lambda: db.rows(
            RENEW,
            {
                "holder": holder,
                "lease": conf().lease_seconds,
                "ids": list(held),
                "attempts": [attempt for attempt, _ in held.values()],
                "lefts": [max(0.0, left) for _, left in held.values()],
            },
        ),
    )
    return Renewed({row[0] for row in rows}, {row[0] for row in rows if row[1]})


def cancellations(ids: list[UUID], *, holder: UUID, db: Database) -> set[UUID]:
    """Which of the jobs this holder runs should stop; cheaper than a renewal, for the time between two."""
    return {row[0] for row in db.rows(ASKED, {"ids": ids, "holder": holder})}
