"""What came of a job: its result, its log, its events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Router
from ninja.params.functions import Query

from jobs.api.answers import answer
from jobs.api.auth import READ
from jobs.api.limits import count_stream
from jobs.api.link import page_links
from jobs.api.look import LOOK_AGAIN
from jobs.api.problems import Refused, problem
from jobs.api.schemas import EventsOut, LogOut, ResultOut
from jobs.api.shown import file_link, shown_artifact
from jobs.handoff import has_heard_all, is_taken, stream, wants_stream
from jobs.models import Artifact, Job, JobEvent, LogLine
from jobs.owners import find_job
from jobs.room import FULL_SECONDS
from jobs.search.record import time

router = Router(tags=["jobs"])


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
    more = lines[-1]["id"] if len(found) > limit else None
    beside = page_links(request, next={"after": str(more)} if more else {})
    return answer({"lines": lines, "next": more}, headers=beside)


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
