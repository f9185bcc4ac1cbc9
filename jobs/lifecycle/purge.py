"""Purge: forget old jobs and their files, and leave a tombstone so that the answer is `gone`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jobs import artifacts
from jobs.conf import conf
from jobs.database import DJANGO, Database
from jobs.lifecycle.transition import again_on_deadlock

# Bounded by the index on finished_at: the oldest first, each state for as long as it is kept.
# statement_timestamp(), because no index is asked about a clock that moves while it is read.
EXPIRED = """
    SELECT id FROM (
        (SELECT id, finished_at FROM millrace_job
          WHERE state <> 'failed'
            AND finished_at < statement_timestamp() - make_interval(secs => %(succeeded)s)
          ORDER BY finished_at LIMIT %(limit)s)
        UNION ALL
        (SELECT id, finished_at FROM millrace_job
          WHERE state = 'failed'
            AND finished_at < statement_timestamp() - make_interval(secs => %(failed)s)
          ORDER BY finished_at LIMIT %(limit)s)) AS ended
     ORDER BY finished_at LIMIT %(limit)s
"""
CHOSEN = """
    SELECT id FROM millrace_job
     WHERE id = ANY (%(ids)s) AND state IN ('succeeded', 'failed', 'cancelled')
     ORDER BY id FOR UPDATE SKIP LOCKED
"""
BURY = """
    WITH gone AS (DELETE FROM millrace_job WHERE id = ANY (%(ids)s) RETURNING id, owner_id)
    INSERT INTO millrace_tombstone (id, owner_id, until)
    SELECT id, owner_id, clock_timestamp() + make_interval(secs => %(tombstone)s) FROM gone
    ON CONFLICT (id) DO NOTHING
"""
PARTS = ("millrace_item", "millrace_log_line", "millrace_job_event", "millrace_progress")
DAY = 86_400.0


def expired_jobs(limit: int, *, db: Database = DJANGO) -> list[UUID]:
    """Jobs that ended longer ago than they are kept, the oldest first."""
    given = conf()
    params = {
        "limit": limit,
        "succeeded": given.keep_succeeded_days * DAY,
        "failed": given.keep_failed_days * DAY,
    }
    return [row[0] for row in db.rows(EXPIRED, params)]


def purge_jobs(ids: Sequence[UUID], *, db: Database = DJANGO) -> list[UUID]:
    """Forget these jobs, of which only ended ones are touched; the ids that are gone.

    Files are deleted after the commit; a file whose deletion fails has no row left and is swept later.
    """
    return again_on_deadlock(db, lambda: forget(list(ids), db))


def forget(ids: list[UUID], db: Database) -> list[UUID]:
    """One transaction: parts, files' rows, jobs, tombstones."""
    with db.atomic():
        chosen = [row[0] for row in db.rows(CHOSEN, {"ids": ids})]
        artifacts.forget(chosen, db=db)
        for part in PARTS:
            db.rows(f"DELETE FROM {part} WHERE job_id = ANY (%(ids)s)", {"ids": chosen})  # noqa: S608
        db.rows(BURY, {"ids": chosen, "tombstone": conf().keep_tombstone_days * DAY})
    return chosen
