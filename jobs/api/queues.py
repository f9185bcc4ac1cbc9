"""Queues: how full they are, and pausing them; for operators."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router

from jobs.api.answers import answer
from jobs.api.auth import OPERATE, must_operate
from jobs.api.idempotent import idempotent
from jobs.api.schemas import PauseIn, QueueOut, QueuesOut
from jobs.api.shown import time
from jobs.errors import NotFound
from jobs.lifecycle.pause import pause_queue, resume_queue
from jobs.lines import QueueLine, queue_lines

router = Router(tags=["queues"])


@router.get("/queues", auth=OPERATE, response=QueuesOut, summary="List queues")
def list_queues(request: HttpRequest) -> HttpResponse:
    """Every queue that a kind, a job, a worker or a decision names."""
    must_operate(request)
    return answer({"queues": [shown_queue(line) for line in queue_lines()]})


@router.get("/queues/{name}", auth=OPERATE, response=QueueOut, summary="Get a queue")
def get_queue(request: HttpRequest, name: str) -> HttpResponse:
    """One queue: depth, age, workers, and whether it is paused."""
    must_operate(request)
    return answer(shown_queue(find_queue(name)))


@router.post("/queues/{name}/pause", auth=OPERATE, response=QueueOut, summary="Pause a queue")
@idempotent
def pause(request: HttpRequest, name: str, given: PauseIn | None = None) -> HttpResponse:
    """Claim nothing from it until somebody resumes it. What runs goes on; what waits says why."""
    must_operate(request)
    reason = given.reason if given else ""
    pause_queue(find_queue(name).name, actor=request.user.get_username(), reason=reason)
    return answer(shown_queue(find_queue(name)))


@router.post("/queues/{name}/resume", auth=OPERATE, response=QueueOut, summary="Resume a queue")
@idempotent
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let its jobs begin again. One that was not paused stays as it is."""
    must_operate(request)
    resume_queue(find_queue(name).name, actor=request.user.get_username())
    return answer(shown_queue(find_queue(name)))


def find_queue(name: str) -> QueueLine:
    """The queue; a misspelt one would hold nothing back. Raises NotFound."""
    found = next((line for line in queue_lines() if line.name == name), None)
    if found is None:
        raise NotFound(f"Nothing goes to a queue {name[:100]!r}.")
    return found


def shown_queue(line: QueueLine) -> dict[str, Any]:
    """A queue as this door shows it."""
    return {
        "name": line.name,
        "queued": line.queued,
        "running": line.running,
        "later": line.later,
        "oldest_seconds": line.oldest_seconds,
        "workers": line.workers,
        "is_paused": line.is_paused,
        "pause_reason": line.pause_reason or "",
        "paused_by": (line.paused_by or "") if line.is_paused else "",
        "paused_at": time(line.paused_at),
        "links": {"self": reverse("millrace_api:get_queue", args=[line.name])},
    }
