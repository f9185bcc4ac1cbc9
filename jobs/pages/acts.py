"""Cancel, retry, rerun: one verb each, and an honest word when it came too late.

What repeats an effect on the world (a campaign mails its whole list again) is asked back before it is done.
"""

from __future__ import annotations

import secrets
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from jobs.errors import Refusal
from jobs.idempotency import Key
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.rerun import repeatable_kind, rerun_job
from jobs.lifecycle.retry import retry_jobs
from jobs.models import Job
from jobs.owners import can_act, find_job, must_submit, own_job
from jobs.pages.answers import page, signed_in
from jobs.pages.counted import counts_of
from jobs.pages.words import word
from jobs.registry import KINDS
from jobs.states import REOPENABLE, ItemState, State


@require_POST
@signed_in
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Cancel what waits, ask what runs."""
    job = own_job(request.user, id)
    done = cancel_jobs([job.id], actor=request.user.get_username())
    job.refresh_from_db()
    if job.state == State.CANCELLED and done:
        messages.success(request, "Cancelled. It will not run.", fail_silently=True)
    elif job.cancel_asked and job.state == State.RUNNING:
        messages.success(request, "Asked to stop. It ends at its next safe point.", fail_silently=True)
    else:
        messages.warning(request, f"Too late to cancel: it had already {ended(job)}.", fail_silently=True)
    return redirect("job", job.id)


@require_POST
@signed_in
def retry(request: HttpRequest, id: UUID) -> HttpResponse:
    """Queue a failed or cancelled job again."""
    job = own_job(request.user, id)
    if retry_jobs([job.id], actor=request.user.get_username()):
        messages.success(request, "Queued again, with a fresh set of attempts.", fail_silently=True)
    else:
        job.refresh_from_db()
        text = f"Not retried: it is {job.state}, and only failed or cancelled jobs are retried."
        messages.warning(request, text, fail_silently=True)
    return redirect("job", job.id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def rerun(request: HttpRequest, id: UUID) -> HttpResponse:
    """Submit the same payload as a new job of the person who asks, who may have to say so twice."""
    job = find_job(request.user, id)
    must_submit(request.user)
    is_asked_back = bool(KINDS.item_words(job.kind).twice)
    if request.method != "POST":
        return ask_back(request, job) if is_asked_back else HttpResponseNotAllowed(["POST"])
    if is_asked_back and "sure" not in request.POST:
        return redirect("job-rerun", job.id)
    given = word(request.POST, "key")
    key = Key(f"web:{request.user.pk}:rerun:{job.id}", given) if given else None
    try:
        submitted = rerun_job(job, owner=request.user, door="web", key=key)  # type: ignore[arg-type]
    except Refusal as refusal:
        messages.error(request, f"It cannot be run again: {refusal}", fail_silently=True)
        return redirect("job", job.id)
    messages.success(request, "This is a new job with the same payload.", fail_silently=True)
    return redirect("job", submitted.id)


def ask_back(request: HttpRequest, job: Job) -> HttpResponse:
    """The page that says whom a new run would reach once more."""
    try:
        kind = repeatable_kind(job)
    except Refusal as refusal:
        messages.error(request, f"It cannot be run again: {refusal}", fail_silently=True)
        return redirect("job", job.id)
    words, counts = KINDS.item_words(job.kind, is_over=job.is_final), counts_of(job)
    done, unknown = counts.get(ItemState.DONE, 0), counts.get(ItemState.UNCERTAIN, 0)
    everybody = sum(counts.values())
    context = {
        "section": "jobs",
        "job": job,
        "kind": kind,
        "words": words,
        "everybody": words.count(everybody) if everybody else "",
        "done": words.count(done) if done else "",
        "said_done": words.state(ItemState.DONE),
        "twice": words.get_twice(done),
        "unknown": words.count(unknown) if unknown else "",
        "others": [
            (number, words.state(state))
            for state, number in counts.items()
            if number and state not in (ItemState.DONE, ItemState.UNCERTAIN)
        ],
        "may_retry": can_act(request.user, job) and job.state in REOPENABLE,
        "key": secrets.token_urlsafe(16),
    }
    return page(request, "rerun.html", context)


def ended(job: Job) -> str:
    return {State.SUCCEEDED: "succeeded", State.FAILED: "failed"}.get(State(job.state), "been cancelled")
