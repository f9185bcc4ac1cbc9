"""Rows as this door shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from jobs.artifacts.links import make_token
from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Artifact, Job, Progress, Token
from jobs.search.record import record_of
from jobs.search.record import time as time
from jobs.states import WAITING, State


def job_links(id: UUID | str) -> dict[str, str]:
    """Where to go on from a job."""
    here = reverse("millrace_api:get_job", args=[id])
    return {"self": here, **{name: f"{here}/{name}" for name in ("result", "log", "events")}}


def shown_jobs(jobs: Sequence[Job], *, is_whole: bool = False) -> list[dict[str, Any]]:
    """Jobs with the reason of those that wait and the progress of those that run."""
    waiting = [job.id for job in jobs if job.state in WAITING]
    reasons = waiting_reasons(waiting) if waiting else {}
    running = [job.id for job in jobs if job.state == State.RUNNING]
    progress = Progress.objects.in_bulk(running) if running else {}
    return [shown_job(job, reasons.get(job.id), progress.get(job.id), is_whole=is_whole) for job in jobs]


def shown_job(job: Job, waiting: Any, progress: Progress | None, *, is_whole: bool) -> dict[str, Any]:
    """One job; whole, or as in a list."""
    is_fresh = progress is not None and progress.attempt == job.attempt
    return record_of(job, is_whole=is_whole) | {
        "waiting": {"reason": waiting.reason.value, "text": waiting.text} if waiting else None,
        "progress": shown_progress(progress) if progress and is_fresh else None,
        "links": job_links(job.id),
    }


def shown_progress(progress: Progress) -> dict[str, Any]:
    """How far it says it is."""
    return {
        "fraction": progress.fraction,
        "note": progress.note,
        "updated_at": time(progress.updated_at),
    }


def shown_artifact(file: Artifact) -> dict[str, Any]:
    """A file and its signed link."""
    return {
        "id": str(file.id),
        "name": file.name,
        "media_type": file.media_type,
        "size": file.size,
        "sha256": file.sha256,
        "created_at": time(file.created_at),
        "expires_at": time(file.expires_at),
        "url": file_link(file),
    }


def file_link(file: Artifact) -> str:
    """The address that hands out the file, for `link_hours`, to who may see it."""
    return reverse("millrace_api:get_file", args=[make_token(file)])


def shown_token(token: Token) -> dict[str, Any]:
    """A token, without its secret."""
    return {
        "id": str(token.id),
        "name": token.name,
        "scopes": token.scopes,
        "hint": token.hint,
        "created_at": time(token.created_at),
        "expires_at": time(token.expires_at),
        "last_used_at": time(token.last_used_at),
        "revoked_at": time(token.revoked_at),
    }
