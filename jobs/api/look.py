"""One job as it is now, with the tag of what is shown."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response

from jobs.api.answers import answer
from jobs.api.auth import holder_of
from jobs.api.link import kind_link
from jobs.api.shown import shown_job
from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Job, Progress
from jobs.states import State
from jobs.tokens import Scope

LOOK_AGAIN = "1"
"""When to look again at a job that runs, in seconds."""


def answer_job(request: HttpRequest, job: Job, *, status: int = 200) -> HttpResponse:
    """The job, with the ETag of what is shown; 304 where the caller has it already.

    Whole for who may read: a token that may only act is not told the payload, the result and the error.
    """
    waiting = waiting_reasons([job.id]).get(job.id) if not job.is_final else None
    progress = Progress.objects.filter(job=job).first() if job.state == State.RUNNING else None
    shown = shown_job(job, waiting, progress, is_whole=Scope.READ in holder_of(request).scopes)
    etag = etag_of(shown)
    if request.method in {"GET", "HEAD"}:
        same = get_conditional_response(request, etag=etag)
        if same is not None and same.status_code == 304:
            return same
    headers = {"ETag": etag, "Link": kind_link(job.kind)}
    headers |= {} if job.is_final else {"Retry-After": LOOK_AGAIN}
    if status == 202:
        headers["Location"] = reverse("millrace_api:get_job", args=[job.id])
    return answer(shown, status=status, headers=headers)


def etag_of(shown: dict[str, Any]) -> str:
    """The version, and a mark of what moves without it: why it waits, how far it is."""
    moving = [shown["waiting"], shown["progress"]]
    mark = hashlib.sha256(repr(moving).encode()).hexdigest()[:8] if any(moving) else "0"
    return f'"{shown["version"]}-{mark}"'
