"""Sweep: ring for every queue that has ready work. Lost bells cost a sweep's interval, never work."""

from __future__ import annotations

from jobs.broker import ring
from jobs.database import DJANGO, Database
from jobs.failpoints import reach

# From queue to queue along the index of the line, however many jobs stand in each.
QUEUES = """
    WITH RECURSIVE line AS (
        (SELECT queue FROM millrace_job WHERE state = 'queued' AND ready ORDER BY queue LIMIT 1)
        UNION ALL
        SELECT (SELECT queue FROM millrace_job
                 WHERE state = 'queued' AND ready AND queue > line.queue ORDER BY queue LIMIT 1)
          FROM line WHERE line.queue IS NOT NULL)
    SELECT queue FROM line WHERE queue IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM millrace_queue WHERE name = line.queue AND is_paused)
"""


def sweep_queues(*, db: Database = DJANGO) -> list[str]:
    """Ring for queues with ready work; safe to run anywhere, any number of times. The queues rung for."""
    queues = [row[0] for row in db.rows(QUEUES)]
    for queue in queues:
        ring(queue)
    reach("sweep.after_ring")
    return queues
