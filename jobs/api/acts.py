"""What is done to a job: cancel, retry, run again."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from jobs.api.asking import Asking
from jobs.api.auth import CANCEL, SUBMIT
from jobs.api.idempotent import idempotent, idempotent_submit
from jobs.api.limits import count_submits
from jobs.api.look import answer_job
from jobs.api.schemas import Accepted, JobIn, JobOut, JobShown, RerunIn
from jobs.api.waiting import waits
from jobs.errors import NotPossible
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.rerun import repeatable_kind
from jobs.lifecycle.retry import retry_jobs
from jobs.owners import find_job, own_job
from jobs.states import REOPENABLE, State

router = Router(tags=["jobs"])


@router.post(
    "/jobs/{uuid:id}/cancel", auth=CANCEL, response={200: JobShown, 202: JobShown}, summary="Cancel a job"
)
@idempotent
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Cancel what waits (200); ask what runs to stop (202). What has ended stays as it is (409)."""
    job = own_job(request.user, id)
    cancel_jobs([job.id], actor=request.user.get_username())
    job = find_job(request.user, id)
    if job.state == State.CANCELLED:
        return answer_job(request, job)
    if job.state == State.RUNNING:
        return answer_job(request, job, status=202)
    raise NotPossible(f"Too late to cancel: it has {job.state} already.")


@router.post(
    "/jobs/{uuid:id}/retry", auth=SUBMIT, response={200: JobOut, 202: JobShown}, summary="Retry a job"
)
@waits
@idempotent
def retry(request: HttpRequest, id: UUID) -> HttpResponse:
    """Queue a failed or cancelled job again: the same id, fresh budgets, the next attempt."""
    job = own_job(request.user, id)
    if not retry_jobs([job.id], actor=request.user.get_username()):
        job.refresh_from_db()
        raise NotPossible(f"It is {job.state}; only {' and '.join(sorted(REOPENABLE))} jobs are retried.")
    return answer_job(request, find_job(request.user, id), status=202)


@router.post(
    "/jobs/{uuid:id}/rerun", auth=SUBMIT, response={200: JobOut, 202: Accepted}, summary="Run a job again"
)
@waits
@idempotent_submit
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
        kind=repeatable_kind(old),
    )
    asking = asking._replace(queue=old.queue)
    return asking.submit(request, rerun_of=old.id)
