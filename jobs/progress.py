"""How far running jobs say they are: the latest word of the latest attempt, in a row beside the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from jobs.database import DJANGO, Database

# A job that was purged in the meantime is left out; an older attempt's word does not replace a newer one's.
WRITE = """
INSERT INTO millrace_progress (job_id, attempt, fraction, note, updated_at)
SELECT j.id, new.attempt, new.fraction, new.note, now()
FROM unnest(%(jobs)s::uuid[], %(attempts)s::int[], %(fractions)s::float8[], %(notes)s::text[])
     AS new (job, attempt, fraction, note)
JOIN millrace_job j ON j.id = new.job
ORDER BY j.id
ON CONFLICT (job_id) DO UPDATE
SET attempt = excluded.attempt, fraction = excluded.fraction, note = excluded.note,
    updated_at = excluded.updated_at
WHERE millrace_progress.attempt <= excluded.attempt
"""


class ProgressRow(NamedTuple):
    """What one attempt last said."""

    job: UUID
    attempt: int
    fraction: float
    note: str


def write(rows: Sequence[ProgressRow], db: Database = DJANGO) -> None:
    """Record what attempts last said, one row per job."""
    latest = {row.job: row for row in sorted(rows, key=lambda row: row.attempt)}
    if latest:
        jobs, attempts, fractions, notes = map(list, zip(*latest.values(), strict=True))
        db.rows(WRITE, {"jobs": jobs, "attempts": attempts, "fractions": fractions, "notes": notes})
