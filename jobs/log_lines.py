"""The log lines kept with a job: the newest `log_lines` of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from jobs.conf import conf
from jobs.database import DJANGO, Database

# A job that was purged in the meantime is left out.
WRITE = """
INSERT INTO millrace_log_line (job_id, attempt, at, level, text)
SELECT j.id, new.attempt, clock_timestamp() - make_interval(secs => new.age), new.level, new.text
FROM unnest(%(jobs)s::uuid[], %(attempts)s::int[], %(ages)s::float8[], %(levels)s::text[], %(texts)s::text[])
     WITH ORDINALITY AS new (job, attempt, age, level, text, place)
JOIN millrace_job j ON j.id = new.job
ORDER BY new.place
"""
TRIM = """
DELETE FROM millrace_log_line WHERE id IN (
    SELECT old.id FROM unnest(%(jobs)s::uuid[]) AS written (job)
    CROSS JOIN LATERAL (
        SELECT l.id FROM millrace_log_line l WHERE l.job_id = written.job
        ORDER BY l.job_id DESC, l.id DESC OFFSET %(keep)s
    ) AS old
)
"""


class LogRow(NamedTuple):
    """One line; `noted_at` is this process's `time.monotonic()`, so that the database's clock dates it."""

    job: UUID
    attempt: int
    noted_at: float
    level: str
    text: str


def write(rows: Sequence[LogRow], db: Database = DJANGO) -> None:
    """Keep these lines with their jobs, in their order, and drop each job's oldest beyond the limit."""
    if not rows:
        return
    now = time.monotonic()
    params = {
        "jobs": [row.job for row in rows],
        "attempts": [row.attempt for row in rows],
        "ages": [max(0.0, now - row.noted_at) for row in rows],
        "levels": [row.level for row in rows],
        "texts": [row.text for row in rows],
    }
    jobs = list({row.job for row in rows})
    with db.atomic():
        db.rows(WRITE, params)
        db.rows(TRIM, {"jobs": jobs, "keep": conf().log_lines})
