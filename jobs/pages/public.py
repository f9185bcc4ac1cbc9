"""Kinds that need no account: limited per address, thanked with a signed link that says how it goes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from jobs.conf import conf
from jobs.errors import Busy, Gone, NotFound, Problem
from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Job, Tombstone
from jobs.owners import service_user
from jobs.pages.answers import door, page
from jobs.pages.asking import Asking
from jobs.pages.form import show_problems
from jobs.rate import address_of, take
from jobs.registry import KINDS, Kind
from jobs.states import State

OWNER = "public"
SALT = "millrace.thanks"
HOUR = 3600
ENDS: dict[str, tuple[str, str]] = {
    State.SUCCEEDED: ("check", "Thank you. It is done."),
    State.FAILED: ("alert", "We are sorry: it could not be done."),
    State.CANCELLED: ("stop", "It was cancelled."),
}
"""The icon and the heading once a job has ended; until then its kind's own thanks stand there."""
WORDS: dict[str, str] = {State.SUCCEEDED: "Done", State.FAILED: "Not done", State.CANCELLED: "Cancelled"}
"""What a visitor calls an end."""


@require_http_methods(["GET", "HEAD", "POST"])
@door
def public_kind(request: HttpRequest, name: str) -> HttpResponse:
    """Show the form; submit what was sent. A refused form keeps what was typed."""
    kind = find_public(name)
    asking = Asking.read(request, kind)
    status = 422 if request.method == "POST" else 200
    if request.method == "POST" and asking.is_valid():
        try:
            take("public", address_of(request), limit=conf().public_per_hour, seconds=HOUR)
        except Busy as busy:
            show_problems(asking.form, [Problem((), str(busy))])
            asking.refuse(None)
            response = page(request, "public.html", {"asking": asking}, status=429)
            response["Retry-After"] = str(busy.retry_after_seconds)
            return response
        submitted = asking.submit(service_user(OWNER), scope=f"public:{kind.name}", door="public")
        if submitted:
            return redirect("thanks", make_token(submitted.id))
    if request.method == "POST":
        asking.refuse(None)
    return page(request, "public.html", {"asking": asking}, status=status)


@require_safe
@door
def thanks(request: HttpRequest, token: str) -> HttpResponse:
    """Thank, and say honestly how far it is; nothing of what was sent is shown again."""
    job = open_token(token)
    kind = KINDS.get(job.kind)
    badge, heading = ENDS.get(job.state, ("check", kind.thanks if kind else ""))
    context = {
        "job": job,
        "kind": kind,
        "badge": badge,
        "heading": heading or "Thank you. We have received it.",
        "word": WORDS.get(job.state, job.state),
        "waiting": waiting_reasons([job.id]).get(job.id),
    }
    return page(request, "thanks.html", context)


def find_public(name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None or not kind.public:
        raise NotFound("There is no such form, or it needs an account.")
    return kind


def make_token(job: UUID) -> str:
    """The signed part of a thank-you page's address."""
    return signing.TimestampSigner(salt=SALT).sign(job.hex)


def open_token(token: str) -> Job:
    """The job a thank-you page is about; raises Gone once link or job is too old, NotFound if forged."""
    try:
        signed = signing.TimestampSigner(salt=SALT).unsign(token, max_age=timedelta(hours=conf().link_hours))
    except signing.SignatureExpired:
        raise Gone("This link has expired. What you sent is not lost: only this page is over.") from None
    except signing.BadSignature:
        raise NotFound("This link is not one of ours, or it was cut off. Copy the whole of it.") from None
    job = Job.objects.filter(id=UUID(hex=signed)).first()
    if job is None and Tombstone.objects.filter(id=UUID(hex=signed)).exists():
        raise Gone("What you sent was dealt with and has been cleaned up.")
    if job is None:
        raise NotFound("There is nothing behind this link.")
    return job
