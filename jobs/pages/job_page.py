"""The page of one job, and the live part of it that htmx asks for while the job is not final."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs import handoff, results
from jobs.artifacts import make_link
from jobs.database import DJANGO
from jobs.labels import label_of
from jobs.lifecycle import again
from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Artifact, Job, JobEvent, LogLine, Progress
from jobs.models.worker import where
from jobs.outbox import CARRIER
from jobs.owners import can_act, can_operate, can_submit, find_job
from jobs.pages.answers import page, signed_in
from jobs.pages.counted import counts_of, returned_of
from jobs.pages.files import IMAGES, SHOWN
from jobs.pages.timeline import timeline
from jobs.registry import KINDS
from jobs.room import FULL_SECONDS
from jobs.states import REOPENABLE, State

LOG_LINES = 200
"""How many of the newest lines the page shows; the rest is one click away."""
MISHAPS = ("failed", "timed_out", "lost")
"""The events that leave an error with the job."""
SURE = 0.03
"""Below this fraction an estimate of the time left is a guess."""


@require_safe
@signed_in
def job_page(request: HttpRequest, id: UUID) -> HttpResponse:
    """Everything about a job."""
    job = find_job(request.user, id)
    return page(request, "job.html", facts(request, job))


@require_safe
@signed_in
def job_live(request: HttpRequest, id: UUID) -> HttpResponse:
    """The moving part; 204 as long as nothing moved since the page last looked."""
    found = facts(request, find_job(request.user, id))
    if request.GET.get("seen") == found["seen"]:
        return HttpResponse(status=204)
    return page(request, "job_live.html", found | {"is_part": True})


@require_safe
@signed_in
def job_events(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """The job's events as they come; 204, after which no browser asks again, where none will."""
    job = find_job(request.user, id)
    if not handoff.is_taken(request) or (job.is_final and handoff.has_heard_all(request, job.version)):
        return HttpResponse(status=204)
    full = HttpResponse("Too many follow their jobs here.\n", content_type="text/plain", status=503)
    full["Retry-After"] = str(FULL_SECONDS)
    return handoff.stream(request, full, job.id)


@require_safe
@signed_in
def job_log(request: HttpRequest, id: UUID) -> HttpResponse:
    """Every line that is kept, as plain text."""
    job = find_job(request.user, id)
    kept = LogLine.objects.filter(job=job).order_by("id")
    text = "".join(
        f"{line.at.isoformat(timespec='milliseconds')} {line.level} {line.text}\n" for line in kept
    )
    return HttpResponse(
        text, content_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"}
    )


def facts(request: HttpRequest, job: Job) -> dict[str, Any]:
    """What the page shows. Read in one go, so that the template asks for nothing."""
    lines = list(LogLine.objects.filter(job=job).order_by("-id")[: LOG_LINES + 1])
    progress = Progress.objects.filter(job=job, attempt=job.attempt).first()
    waiting = waiting_reasons([job.id]).get(job.id)
    asked_by = asked_by_whom(job)
    kind = KINDS.get(job.kind)
    words, counts = KINDS.item_words(job.kind, is_over=job.is_final), counts_of(job)
    ledger = [(state, number) for state, number in counts.items() if number]
    undecided = again.count_undecided(job.id) if job.is_final and ledger else 0
    found: dict[str, Any] = {
        "section": "jobs",
        "job": job,
        "kind": kind,
        "label": label_of(job),
        "waiting": waiting,
        "progress": progress if job.state == State.RUNNING else None,
        "percent": round(progress.fraction * 100) if progress else 0,
        "left": time_left(job, progress),
        "moments": timeline(job),
        "mishap": mishap_of(job),
        "error": error_of(job, asked_by),
        "asked_by": asked_by,
        # Names of machines are for who operates them.
        "where": where(job.holder) if job.holder and can_operate(request.user) else "",
        "lines": lines[:LOG_LINES][::-1],
        "has_more_lines": len(lines) > LOG_LINES,
        "ledger": [(state, number, words.state(state)) for state, number in ledger],
        "returned": returned_of(job, words, counts),
        "words": words,
        "undecided": undecided,
        "counted_undecided": words.count(undecided),
        "accepted": sum(number for _, number in ledger),
        "payload": pretty(job.payload),
        # A trace shows code, and whatever an exception quoted: that is for who operates it.
        "traces": results.traces(job.id, job.attempt, db=DJANGO) if can_operate(request.user) else [],
        "values": values_of(job.result),
        "results": [with_link(file) for file in Artifact.objects.filter(job=job)],
        "uploads": [with_link(file) for file in Artifact.objects.filter(uses__job=job)],
        "key": secrets.token_urlsafe(16),
        "endpoint": job.payload.get("webhook") if job.kind == CARRIER else None,
    }
    return found | acts(request, job) | {"seen": mark(found)}


def acts(request: HttpRequest, job: Job) -> dict[str, bool]:
    """Which buttons make sense, for this person and now."""
    may_act = can_act(request.user, job)
    kind = KINDS.get(job.kind)
    return {
        "may_cancel": may_act and not job.is_final and not (job.state == State.RUNNING and job.cancel_asked),
        "may_retry": may_act and job.state in REOPENABLE,
        "may_rerun": can_submit(request.user) and job.is_final and not (kind and kind.is_inner),
        "may_leave": may_act and job.is_final,
        "may_do_again": may_act and can_submit(request.user) and job.is_final,
    }


def mark(found: dict[str, Any]) -> str:
    """Two looks with the same mark show the same."""
    job, progress, lines = found["job"], found["progress"], found["lines"]
    seen = [job.version, job.state, found["waiting"], found["ledger"], found["accepted"], found["undecided"]]
    seen += [found["returned"]]
    seen += [progress and progress.updated_at, lines and lines[-1].id]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def time_left(job: Job, progress: Progress | None) -> timedelta | None:
    """As long as the rest takes at the pace so far; None where that would be a guess."""
    if progress is None or job.state != State.RUNNING or job.started_at is None:
        return None
    if not SURE <= progress.fraction < 1:
        return None
    spent = progress.updated_at - job.started_at
    left = spent * ((1 - progress.fraction) / progress.fraction) - (timezone.now() - progress.updated_at)
    return max(left, timedelta(seconds=1))


def mishap_of(job: Job) -> str:
    """Whose error the job carries, where it is history: the job has gone on since."""
    if not job.error or job.state not in (State.RUNNING, State.QUEUED, State.SCHEDULED):
        return ""
    last = JobEvent.objects.filter(job=job, event__in=MISHAPS).order_by("-id").first()
    return f"Attempt {last.attempt}" if last else "An earlier attempt"


def asked_by_whom(job: Job) -> str:
    """Who asked it to stop; empty if nobody did."""
    if not job.cancel_asked:
        return ""
    asked = JobEvent.objects.filter(job=job, event="cancel_asked").order_by("-id").first()
    return asked.actor if asked else ""


def error_of(job: Job, asked_by: str) -> str:
    """Its error; one that says only that it obeyed names whom."""
    if job.state == State.CANCELLED and asked_by:
        return f"Cancelled by {asked_by}. {job.error}".strip()
    return job.error


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def values_of(result: Any) -> list[tuple[str, str]]:
    """A result's values, nested ones as JSON."""
    values = result.get("values", result) if isinstance(result, dict) else {}
    return [(str(name), value if isinstance(value, str) else pretty(value)) for name, value in values.items()]


def with_link(file: Artifact) -> dict[str, Any]:
    """A file beside its signed link, and whether a browser may show it."""
    is_image = file.media_type in IMAGES
    return {
        "file": file,
        "link": make_link(file),
        "is_image": is_image,
        "is_shown": file.media_type in SHOWN,
    }
