"""The lines as they stand: how much waits in each queue, who works on it, and which limits hold some up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from jobs.database import DJANGO
from jobs.lifecycle.known import LIVE, silent_seconds
from jobs.lifecycle.limits import held_keys
from jobs.lifecycle.reasons import exactly
from jobs.models import Worker
from jobs.owners import with_names
from jobs.registry import KINDS

SHOWN = 50
"""Of how many keys of limits the page tells."""
DEPTHS = f"""
    WITH depth AS (
        SELECT queue, state, count(*) AS jobs,
               extract(epoch FROM clock_timestamp() - min(coalesce(run_at, created_at)))::float8 AS age
          FROM millrace_job WHERE state IN ('queued', 'running', 'scheduled', 'retrying')
         GROUP BY queue, state),
    names AS (
        SELECT unnest(%(known)s::text[]) AS name UNION SELECT name FROM millrace_queue
         UNION SELECT queue FROM depth UNION SELECT unnest(queues) FROM millrace_worker WHERE {LIVE})
    SELECT names.name,
           coalesce(sum(jobs) FILTER (WHERE state = 'queued'), 0)::int,
           coalesce(sum(jobs) FILTER (WHERE state = 'running'), 0)::int,
           coalesce(sum(jobs) FILTER (WHERE state IN ('scheduled', 'retrying')), 0)::int,
           max(age) FILTER (WHERE state = 'queued'),
           coalesce(bool_or(is_paused), false), max(pause_reason), max(paused_by), max(paused_at),
           (SELECT count(*)::int FROM millrace_worker WHERE {LIVE} AND names.name = ANY (queues))
      FROM names LEFT JOIN depth ON depth.queue = names.name
      LEFT JOIN millrace_queue AS queue ON queue.name = names.name
     GROUP BY names.name ORDER BY names.name
"""  # noqa: S608 - constants of ours

# The line before each key, to its thousandth: only keys at which somebody waits.
LIMITS = """
    SELECT known.key, at_once, starts, seconds,
           (SELECT count(*)::int FROM millrace_job WHERE id = ANY (known.holders)
               AND (state = 'running' OR (state = 'queued' AND ready))),
           (SELECT count(*)::int FROM (
               SELECT 1 FROM millrace_job WHERE held_by = known.key LIMIT 1000) AS line)
      FROM millrace_limit AS known WHERE key = ANY (%(keys)s) ORDER BY key
"""
# Beside each: how many jobs its children hold, by the digits that both ids begin with; and how long ago it
# was heard.
HEARD = """
    WITH held AS (
        SELECT left(holder::text, 13) AS worker, count(*)::int AS jobs
          FROM millrace_job WHERE lease IS NOT NULL GROUP BY 1)
    SELECT known.id, coalesce(held.jobs, 0),
           extract(epoch FROM clock_timestamp() - known.beat_at)::float8
      FROM millrace_worker AS known LEFT JOIN held ON held.worker = left(known.id::text, 13)
"""


@dataclass(frozen=True)
class QueueLine:
    """A queue as operators see it."""

    name: str
    queued: int
    running: int
    later: int
    oldest_seconds: float | None
    is_paused: bool
    pause_reason: str | None
    paused_by: str | None
    paused_at: datetime | None
    workers: int

    @property
    def oldest(self) -> timedelta | None:
        """How long the oldest job has been waiting."""
        return None if self.oldest_seconds is None else timedelta(seconds=max(0, self.oldest_seconds))


@dataclass(frozen=True)
class LimitLine:
    """A key of a limit at which jobs wait."""

    key: str
    at_once: int | None
    starts: int | None
    seconds: float | None
    taken: int
    waiting: int

    @property
    def rule(self) -> str:
        """What was declared, in words."""
        rate = f"{self.starts} every {exactly(self.seconds)}" if self.starts and self.seconds else ""
        return ", ".join(filter(None, [f"{self.at_once} at once" if self.at_once else "", rate]))


class WorkerLine(NamedTuple):
    """A worker as it announced itself."""

    worker: Worker
    holds: int
    """Jobs; of a batch only one runs."""
    heard_seconds: float
    """How long ago it was heard."""

    @property
    def is_live(self) -> bool:
        """Whether it was heard of late."""
        return self.heard_seconds < silent_seconds()

    @property
    def takes(self) -> bool:
        """Whether it begins jobs."""
        return self.is_live and not self.worker.is_draining


def queue_lines() -> list[QueueLine]:
    """Every queue that a kind, a job, a pause or a worker names."""
    known = {"known": KINDS.queues(), "silent": silent_seconds()}
    return [QueueLine(*row) for row in DJANGO.rows(DEPTHS, known)]


def limit_lines() -> list[LimitLine]:
    """The first keys before which somebody waits."""
    keys = held_keys(SHOWN, db=DJANGO)
    names = with_names(keys)
    return [LimitLine(names[row[0]], *row[1:]) for row in DJANGO.rows(LIMITS, {"keys": keys})]


def worker_lines() -> list[WorkerLine]:
    """Every worker that announced itself, those that fell silent included."""
    heard = {id: told for id, *told in DJANGO.rows(HEARD)}
    lines = [
        WorkerLine(worker, *heard[worker.id])
        for worker in Worker.objects.order_by("name", "started_at")
        if worker.id in heard  # not one that came meanwhile
    ]
    there = {line.worker.name for line in lines if line.is_live}
    # One that was started again is not missed.
    return [line for line in lines if line.is_live or line.worker.name not in there]
