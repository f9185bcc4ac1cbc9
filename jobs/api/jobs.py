"""Jobs: submit, list, get, change."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Router
from ninja.params.functions import Query

from jobs.api.answers import answer
from jobs.api.asking import Asking
from jobs.api.auth import READ, SUBMIT
from jobs.api.changing import read_change
from jobs.api.export import FILTER
from jobs.api.idempotent import idempotent, idempotent_submit
from jobs.api.limits import count_submits, count_wait
from jobs.api.link import page_links
from jobs.api.look import answer_job
from jobs.api.precondition import seen_versions, told_of_tags
from jobs.api.schemas import Accepted, ChangeIn, JobIn, JobOut, JobPage, JobShown
from jobs.api.shown import shown_jobs
from jobs.api.waiting import waits
from jobs.handoff import is_waited_for, wait_for
from jobs.lifecycle.change import change_job
from jobs.owners import find_job, own_job, visible_jobs
from jobs.search import count_up_to, page_of, search
from jobs.search.record import HEAVY

router = Router(tags=["jobs"])


@router.post("/jobs", auth=SUBMIT, response={200: JobOut, 202: Accepted}, summary="Submit a job")
@waits
@idempotent_submit
def submit(request: HttpRequest, given: JobIn) -> HttpResponse:
    """Accept a job. It is committed when you read the answer: from then on no crash loses it.

    With `Prefer: wait=N` the answer is the job (200) if it ends within N seconds.
    """
    count_submits(request)
    return Asking.read(request, given).submit(request)


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
    beside = page_links(request, next=beside_page(page.older), prev=beside_page(page.newer))
    shown = {"jobs": shown_jobs(page.rows), "next": page.older or None, "count": total}
    return answer(shown, headers=beside)


def beside_page(cursor: str) -> dict[str, str | None]:
    """The parameters of a page beside this one; none where there is none. Jobs are counted once."""
    return {"cursor": cursor, "count": None} if cursor else {}


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


@router.patch("/jobs/{uuid:id}", auth=SUBMIT, response=JobShown, summary="Change a job")
@idempotent
def change(request: HttpRequest, id: UUID, given: ChangeIn) -> HttpResponse:
    """Change what has not started; what is left out stays, a payload is replaced as a whole.

    `If-Match` takes the `ETag` that came with the job. Who asks for what is so already changes nothing (200).
    """
    job = own_job(request.user, id)
    versions = seen_versions(request)
    wanted = read_change(request, job, given)
    with told_of_tags(versions):
        change_job(job, wanted, actor=request.user.get_username(), versions=versions)
    return answer_job(request, find_job(request.user, id))
