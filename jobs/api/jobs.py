"""Jobs: submit, look, act."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from ninja import Router
from ninja.params.functions import Query

from jobs.api.answers import answer
from jobs.api.asking import Asking, answer_accepted
from jobs.api.auth import CANCEL, READ, SUBMIT
from jobs.api.idempotent import idempotent
from jobs.api.limits import count_stream, count_submits, count_wait
from jobs.api.problems import Refused, problem
from jobs.api.schemas import (
    Accepted,
    EventsOut,
    JobIn,
    JobOut,
    JobPage,
    LogOut,
    RerunIn,
    ResultOut,
)
from jobs.api.shown import file_link, shown_artifact, shown_job, shown_jobs
from jobs.api.waiting import waits
from jobs.errors import NotAllowed, NotPossible
from jobs.handoff import has_heard_all, is_taken, is_waited_for, stream, wait_for, wants_stream
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.reasons import waiting_reasons
from jobs.lifecycle.retry import retry_jobs
from jobs.models import Artifact, Job, JobEvent, LogLine, Progress
from jobs.owners import can_act, find_job, visible_jobs
from jobs.room import FULL_SECONDS
from jobs.search import count_up_to, page_of, search
from jobs.search.export import MEDIA_TYPE, as_lines, chunks
from jobs.search.grammar import LONGEST
from jobs.search.record import HEAVY, time
from jobs.states import REOPENABLE, State

router = Router(tags=["jobs"])

FILTER = Query("", max_length=LONGEST, description="Which: `state:failed kind:images.* created:>2h`.")
"""The grammar of docs/reference/filters.md."""
LOOK_AGAIN = "1"
"""When to look again at a job that runs, in seconds."""


@router.post("/jobs", auth=SUBMIT, response={200: JobOut, 202: Accepted}, summary="Submit a job")
@waits
@idempotent
def submit(request: HttpRequest, given: JobIn) -> HttpResponse:
    """Accept a job. It is committed when you read the answer: from then on no crash loses it.

    With `Prefer: wait=N` the answer is the job (200) if it ends within N seconds.
    """
    count_submits(request)
    asking = Asking.read(request, given)
    return answer_accepted(asking.accepted(asking.submit(request)))


@router.get("/jobs", auth=READ, response=JobPage, summary="List jobs")
def list_jobs(
    request: HttpRequest,
    filter: str = FILTER,
    cursor: str = Query("", max_length=200, description="`next` of the page before."),
    limit: int = Query(50, ge=1, le=200, description="How many at most."),
    count: bool = Query(False, description="Also how many there are, counted up to 10,000."),
) -> HttpResponse:
    """The jobs you may see, the newest first: yours, your groups', with the scope `operate` everybody's."""
    wanted = search(filter, user=request.user)
    found = wanted.apply(visible_jobs(request.user))
    rows = found.select_related("owner", "group").defer(*HEAVY)
    page = page_of(rows, cursor, of=wanted.text, size=limit)
    total = count_up_to(found, of=wanted.text)._asdict() if count else None
    return answer({"jobs": shown_jobs(page.jobs), "next": page.older or None, "count": total})


@router.get("/jobs/export", auth=READ, response={200: str}, summary="Export jobs")
def export(request: HttpRequest, filter: str = FILTER) -> StreamingHttpResponse:
    """Every job of the list, whole, as JSON Lines: one after the other, however many there are."""
    wanted = search(filter, user=request.user)
    found = chunks(wanted.apply(visible_jobs(request.user)), of=wanted.text)
    first = next(found, [])  # what is wrong is a problem; later there is only breaking off
    lines = map(as_lines, chain([first], found))
    body = later(lines) if isinstance(request, ASGIRequest) else lines
    answered = StreamingHttpResponse(body, content_type=MEDIA_TYPE)
    answered["Cache-Control"] = "private, no-store"
    answered["Content-Disposition"] = 'attachment; filename="jobs.jsonl"'
    return answered


async def later(lines: Iterator[str]) -> AsyncIterator[str]:
    """The same for an asynchronous server: each look for more is made in the request's thread."""
    more = sync_to_async(partial(next, lines, None))
    while (text := await more()) is not None:
        yield text


@router.get("/jobs/{uuid:id}", auth=READ, response={200: JobOut, 304: None}, summary="Get a job")
def get_job(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Everything about a job; one that waits says why. `If-None-Match` with its `ETag` answers 304.

    With `Prefer: wait=N` the answer comes when the job has ended, or after N seconds.
    """
    job = find_job(request.user, id)
    answered = answer_job(request, job)
    if job.is_final or not is_waited_for(request):
        return answered
    count_wait(request)
    return wait_for(request, answered, job.id, path=request.path)


@router.post(
    "/jobs/{uuid:id}/cancel", auth=CANCEL, response={200: JobOut, 202: JobOut}, summary="Cancel a job"
)
@idempotent
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Cancel what waits (200); ask what runs to stop (202). What has ended stays as it is (409)."""
    job = own_job(request, id)
    cancel_jobs([job.id], actor=request.user.get_username())
    job = find_job(request.user, id)
    if job.state == State.CANCELLED:
        return answer_job(request, job)
    if job.state == State.RUNNING:
        return answer_job(request, job, status=202)
    raise NotPossible(f"Too late to cancel: it has {job.state} already.")


@router.post("/jobs/{uuid:id}/retry", auth=SUBMIT, response={200: JobOut, 202: JobOut}, summary="Retry a job")
@waits
@idempotent
def retry(request: HttpRequest, id: UUID) -> HttpResponse:
    """Queue a failed or cancelled job again: the same id, fresh budgets, the next attempt."""
    job = own_job(request, id)
    if not retry_jobs([job.id], actor=request.user.get_username()):
        job.refresh_from_db()
        raise NotPossible(f"It is {job.state}; only {' and '.join(sorted(REOPENABLE))} jobs are retried.")
    return answer_job(request, find_job(request.user, id), status=202)


@router.post(
    "/jobs/{uuid:id}/rerun", auth=SUBMIT, response={200: JobOut, 202: Accepted}, summary="Run a job again"
)
@waits
@idempotent
def rerun(request: HttpRequest, id: UUID, given: RerunIn | None = None) -> HttpResponse:
    """A new job of yours with the same payload, or with another one."""
    count_submits(request)
    old = find_job(request.user, id)
    given = given or RerunIn()
    payload = old.payload if given.payload is None else given.payload
    asking = Asking.read(
        request,
        JobIn.model_construct(
            kind=old.kind, payload=payload, queue=None, priority=0, run_at=given.run_at, group=None
        ),
    )
    asking = asking._replace(queue=old.queue)
    return answer_accepted(asking.accepted(asking.submit(request, rerun_of=old.id)))


@router.get(
    "/jobs/{uuid:id}/result", auth=READ, response={200: ResultOut, 303: None}, summary="Get a job's result"
)
def get_result(request: HttpRequest, id: UUID) -> HttpResponse:
    """How it ended. A result of one file redirects (303) to it, unless `Accept` names `application/json`."""
    job = find_job(request.user, id)
    if not job.is_final:
        raise Refused(
            "not_finished", f"The job is {job.state}; ask again later.", headers={"Retry-After": LOOK_AGAIN}
        )
    files = list(Artifact.objects.filter(job=job))
    if len(files) == 1 and "application/json" not in request.headers.get("Accept", ""):
        return answer({"url": file_link(files[0])}, status=303, headers={"Location": file_link(files[0])})
    return answer(
        {
            "id": str(job.id),
            "state": job.state,
            "code": job.code,
            "error": job.error,
            "values": job.result or {},
            "artifacts": [shown_artifact(file) for file in files],
        }
    )


@router.get("/jobs/{uuid:id}/log", auth=READ, response=LogOut, summary="Get a job's log")
def get_log(
    request: HttpRequest,
    id: UUID,
    after: int = Query(0, ge=0, lt=2**63, description="Only lines after this one."),
    limit: int = Query(500, ge=1, le=1000, description="How many at most."),
) -> HttpResponse:
    """The lines its kind logged, of all attempts; the newest are kept."""
    job = find_job(request.user, id)
    found = list(LogLine.objects.filter(job=job, id__gt=after).order_by("id")[: limit + 1])
    lines = [
        {"id": line.id, "at": time(line.at), "attempt": line.attempt, "level": line.level, "text": line.text}
        for line in found[:limit]
    ]
    return answer({"lines": lines, "next": lines[-1]["id"] if len(found) > limit else None})


@router.get("/jobs/{uuid:id}/events", auth=READ, response=EventsOut, summary="Get a job's events")
def get_events(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Its mishaps and the recorded acts, the oldest first.

    With `Accept: text/event-stream` its story as it happens: `moved`, `log`, `progress`, at last `end`. Who
    comes back with `Last-Event-ID` hears what was missed; 204 says that there is nothing more to hear.
    """
    job = find_job(request.user, id)
    if wants_stream(request):
        return answer_stream(request, job)
    return answer({"events": [shown_event(event) for event in JobEvent.objects.filter(job=job)]})


def answer_stream(request: HttpRequest, job: Job) -> HttpResponseBase:
    """The job's story from where the caller left off; a problem where nobody can tell it."""
    if not is_taken(request):
        raise Refused("no_stream", "This server answers one request at a time and streams nothing.")
    if job.is_final and has_heard_all(request, job.version):
        return HttpResponse(status=204)
    count_stream(request)
    detail = "Too many wait or follow their jobs here, or you do. Ask again soon, or look without waiting."
    full = problem(request, "full", detail, headers={"Retry-After": str(FULL_SECONDS)})
    return stream(request, full, job.id)


def answer_job(request: HttpRequest, job: Job, *, status: int = 200) -> HttpResponse:
    """The whole job, with the ETag of what is shown; 304 where the caller has it already."""
    waiting = waiting_reasons([job.id]).get(job.id) if not job.is_final else None
    progress = Progress.objects.filter(job=job).first() if job.state == State.RUNNING else None
    shown = shown_job(job, waiting, progress, is_whole=True)
    etag = etag_of(shown)
    if request.method in {"GET", "HEAD"}:
        same = get_conditional_response(request, etag=etag)
        if same is not None and same.status_code == 304:
            return same
    headers = {"ETag": etag} | ({} if job.is_final else {"Retry-After": LOOK_AGAIN})
    if status == 202:
        headers["Location"] = reverse("millrace_api:get_job", args=[job.id])
    return answer(shown, status=status, headers=headers)


def etag_of(shown: dict[str, Any]) -> str:
    """The version, and a mark of what moves without it: why it waits, how far it is."""
    moving = [shown["waiting"], shown["progress"]]
    mark = hashlib.sha256(repr(moving).encode()).hexdigest()[:8] if any(moving) else "0"
    return f'"{shown["version"]}-{mark}"'


def own_job(request: HttpRequest, id: UUID) -> Job:
    """The job, for those who may act on it."""
    job = find_job(request.user, id)
    if not can_act(request.user, job):
        raise NotAllowed("This job is shared with you to look at. Its owner and operators can act on it.")
    return job


def shown_event(event: JobEvent) -> dict[str, Any]:
    """One row of the timeline."""
    return {
        "id": event.id,
        "at": time(event.at),
        "event": event.event,
        "attempt": event.attempt,
        "actor": event.actor,
        "detail": event.detail,
    }
