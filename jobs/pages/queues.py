"""The operators' view of queues and workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from jobs.database import DJANGO
from jobs.errors import NotFound
from jobs.lifecycle.known import LIVE, silent_seconds
from jobs.lifecycle.limits import held_keys
from jobs.lifecycle.pause import pause_queue, resume_queue
from jobs.lifecycle.place import QUEUE_NAME
from jobs.lifecycle.reasons import exactly
from jobs.models import Worker
from jobs.owners import with_names
from jobs.pages.answers import for_operators, is_live, page
from jobs.pages.words import word
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
HEARD = "SELECT id FROM millrace_worker WHERE beat_at > clock_timestamp() - make_interval(secs => %(silent)s)"


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


@require_safe
@for_operators
def queues(request: HttpRequest) -> HttpResponse:
    """Depth, age, pauses and who works on what; htmx asks for the lines alone."""
    context = {
        "section": "queues",
        "lines": queue_lines(),
        "workers": worker_lines(),
        "limits": limit_lines(),
    }
    return page(request, "queues_lines.html" if is_live(request) else "queues.html", context)


@require_POST
@for_operators
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Claim nothing from this queue until somebody resumes it."""
    check_name(name)
    pause_queue(name, actor=request.user.get_username(), reason=word(request.POST, "reason"))
    messages.success(request, f"{name} is paused. What runs goes on; nothing new begins.", fail_silently=True)
    return redirect("queues")


@require_POST
@for_operators
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let the queue's jobs begin again."""
    check_name(name)
    if resume_queue(name, actor=request.user.get_username()):
        messages.success(request, f"{name} is open again.", fail_silently=True)
    else:
        messages.info(request, f"{name} was not paused.", fail_silently=True)
    return redirect("queues")


def check_name(name: str) -> None:
    if not QUEUE_NAME.match(name):
        raise NotFound(f"There is no queue {name!r}.")


def queue_lines() -> list[QueueLine]:
    known = {"known": KINDS.queues(), "silent": silent_seconds()}
    return [QueueLine(*row) for row in DJANGO.rows(DEPTHS, known)]


def limit_lines() -> list[LimitLine]:
    """The first keys before which somebody waits."""
    keys = held_keys(SHOWN, db=DJANGO)
    names = with_names(keys)
    return [LimitLine(names[row[0]], *row[1:]) for row in DJANGO.rows(LIMITS, {"keys": keys})]


def worker_lines() -> list[dict[str, Any]]:
    """Every worker that announced itself, those that fell silent included."""
    live = {row[0] for row in DJANGO.rows(HEARD, {"silent": silent_seconds()})}
    workers = list(Worker.objects.order_by("name", "started_at"))
    there = {worker.name for worker in workers if worker.id in live}
    return [
        {"worker": worker, "is_live": worker.id in live}
        for worker in workers
        if worker.id in live or worker.name not in there  # one that was started again is not missed
    ]
