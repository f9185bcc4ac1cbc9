"""The page of a draft: the bad lines of its list, a look at what each would get, the button that sends it."""

from __future__ import annotations

from itertools import islice
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.artifacts import opener
from jobs.bucket import draw
from jobs.cells import harmless
from jobs.conf import conf
from jobs.download import csv_lines, download
from jobs.errors import BadPayload, Busy, KeyReused, Refusal
from jobs.idempotency import Key
from jobs.lifecycle.submit import submit_job
from jobs.pages.answers import page, signed_in
from jobs.pages.asking import HowForm, as_sent, says_something
from jobs.pages.draft import Opened, open_draft
from jobs.pages.pictures import with_pictures
from jobs.pages.words import word
from jobs.review import Sample

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; frame-ancestors 'self'; sandbox"
FINDS_PER_MINUTE = 30
"""Each may read a list of 150 MB from its beginning."""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def draft(request: HttpRequest, id: UUID) -> HttpResponse:
    """Show what was found; submit it."""
    found = open_draft(request, id)
    typed = as_sent(found.draft.typed)
    how = HowForm(request.POST if request.method == "POST" else typed, user=request.user)
    refusal = ""
    if request.method == "POST" and how.is_valid():
        try:
            return redirect("job", send(request, found, how))
        except KeyReused:
            refusal = "It was sent before, and that job is on its way."
        except Refusal as error:
            refusal = in_words(error)
    place, notice = place_of(request, found)
    return page(
        request,
        "draft.html",
        {
            "section": "catalogue",
            "id": id,
            "kind": found.kind,
            "draft": found.draft,
            "more": found.draft.bad - len(found.draft.lines),
            "how": how,
            "is_how_open": any(field.errors or says_something(field) for field in how.visible_fields()),
            "refusal": refusal,
            "alone": found.review.alone(found.payload),
            "warnings": list(found.review.warnings(found.payload)),
            "place": place,
            "before": place - 1,
            "after": place + 1 if place < found.draft.good else 0,
            "last": found.draft.good,
            "text": wanted(request),
            "notice": notice,
            "sample": sample_of(found, place),
            "address": getattr(request.user, "email", ""),
        },
        status=422 if request.method == "POST" else 200,
    )


@require_safe
@signed_in
def draft_html(request: HttpRequest, id: UUID) -> HttpResponse:
    """The HTML that one of the list would get, for a frame: nothing in it runs, loads or leads anywhere."""
    found = open_draft(request, id)
    sample = sample_of(found, place_of(request, found)[0])
    return HttpResponse(
        with_pictures(sample, opener(found.payload)) if sample else b"",
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": POLICY,
            "X-Frame-Options": "SAMEORIGIN",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


@require_safe
@signed_in
def draft_lines(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Every bad line, as CSV."""
    found = open_draft(request, id)
    rows = (
        [line.number, harmless(line.shown), line.why]
        for line in found.review.lines(found.payload, opener(found.payload))
        if line.why
    )
    lines = csv_lines(["line", "content", "problem"], rows, mark="\ufeff")
    return download(request, lines, name="bad-lines.csv")


@require_POST
@signed_in
def draft_trial(request: HttpRequest, id: UUID) -> HttpResponse:
    """Send what one of the list would get to the person who asks."""
    found = open_draft(request, id)
    address = getattr(request.user, "email", "")
    place, _ = place_of(request, found)
    if not address:
        text = "Your account has no mail address to send a test to. Ask an admin to enter it."
        messages.warning(request, text, fail_silently=True)
        return redirect("draft", id)
    payload = found.review.trial(found.payload, place, address)
    try:
        job = submit_job(found.kind.name, payload, owner=request.user, door="web").id  # type: ignore[arg-type]
    except Refusal as error:
        messages.error(request, f"The test was not sent: {in_words(error)}", fail_silently=True)
        return redirect("draft", id)
    messages.success(
        request, f"A test is on its way to {conf().email_redirect_to or address}.", fail_silently=True
    )
    return redirect("job", job)


def send(request: HttpRequest, found: Opened, how: HowForm) -> UUID:
    """Submit it, once however often the button is pressed."""
    key = Key(f"web:{request.user.pk}:draft:{found.id}", "send")
    with transaction.atomic():
        submitted = submit_job(
            found.kind.name,
            found.payload,
            owner=request.user,  # type: ignore[arg-type]
            key=key,
            door="web",
            **how.chosen(),
        )
    if submitted.replayed:
        messages.info(request, "You had sent this already: here is its job.", fail_silently=True)
    return submitted.id


def place_of(request: HttpRequest, found: Opened) -> tuple[int, str]:
    """Which of the list to look at, from 1; and why it is not who was looked for."""
    data = request.POST if request.method == "POST" else request.GET
    asked, most = data.get("place", ""), found.draft.good
    place = min(max(int(asked), 1), most) if asked.isdecimal() and len(asked) < 10 else 1
    if not (text := wanted(request)) or not most:
        return place, ""
    after = place if data.get("again") else 0
    try:
        draw("searches of a list", f"user:{request.user.pk}", per_minute=FINDS_PER_MINUTE)
    except Busy as busy:
        return place, str(busy)
    there = found.review.find(found.payload, opener(found.payload), text, after, found.draft.seen)
    return (there, "") if there else (place, f"Nobody on the list has “{text}” in their address or name.")


def wanted(request: HttpRequest) -> str:
    """A part of somebody's address."""
    return word(request.GET, "find", 254)


def sample_of(found: Opened, place: int) -> Sample | None:
    """What that one would get."""
    if not found.draft.good:
        return None
    return found.review.sample(found.payload, opener(found.payload), place, found.draft.seen)


def in_words(error: Refusal) -> str:
    """What is wrong; of many problems the first."""
    if not isinstance(error, BadPayload):
        return str(error)
    more = len(error.problems) - 3
    said = "; ".join(problem.why for problem in islice(error.problems, 3))
    return f"{said}; and {more} more." if more > 0 else said
