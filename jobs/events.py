"""The timeline's rows: mishaps and recorded acts."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jobs.database import Database
from jobs.text import storable

RECORD = """
    INSERT INTO millrace_job_event (job_id, event, attempt, actor, detail, started_at)
    SELECT told.*, (SELECT started_at FROM millrace_job
                     WHERE id = told.job AND attempt = told.attempt AND told.attempt > 0)
      FROM unnest(%(jobs)s::uuid[], %(events)s::text[], %(attempts)s::int[], %(actors)s::text[],
                  %(details)s::text[]) AS told (job, event, attempt, actor, detail)
"""

Event = tuple[UUID, str, int, str, str]
"""(job, event, attempt, actor, detail)"""


def record(happened: Sequence[Event], *, db: Database) -> None:
    """Keep what happened, in the transaction at hand; and when the attempt began, which a claim forgets."""
    if not happened:
        return
    jobs, events, attempts, actors, details = (list(column) for column in zip(*happened, strict=True))
    details = [storable(str(detail), 4000) for detail in details]
    db.rows(
        RECORD, {"jobs": jobs, "events": events, "attempts": attempts, "actors": actors, "details": details}
    )
