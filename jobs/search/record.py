"""A job as data: the same in the API, in exports and on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs.models import Job

HEAVY = ("payload", "result", "error")
"""What a list does not show."""


def record_of(job: Job, *, is_whole: bool = True) -> dict[str, Any]:
    """What its row says; reads `owner` and `group`, so select them. Not whole: without what is heavy."""
    found: dict[str, Any] = {
        "id": str(job.id),
        "kind": job.kind,
        "queue": job.queue,
        "state": job.state,
        "priority": job.priority,
        "run_at": time(job.run_at),
        "attempt": job.attempt,
        "version": job.version,
        "cancel_asked": job.cancel_asked,
        "owner": job.owner.get_username(),
        "group": job.group.name if job.group else None,
        "door": job.door,
        "rerun_of": str(job.rerun_of) if job.rerun_of else None,
        "created_at": time(job.created_at),
        "started_at": time(job.started_at),
        "finished_at": time(job.finished_at),
        "code": job.code,
    }
    if is_whole:
        found |= {"payload": job.payload, "result": job.result, "error": job.error}
    return found


def time(at: datetime | None) -> str | None:
    """A time as RFC 3339 writes it."""
    return at.isoformat() if at else None
