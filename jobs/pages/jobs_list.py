"""The list of jobs: one filter, kept in the address; the newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.errors import BadCursor, BadFilter
from jobs.labels import labels_of
from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Job, Progress
from jobs.owners import visible_jobs
from jobs.pages.answers import is_live, page, signed_in
from jobs.pages.words import word
from jobs.registry import KINDS
from jobs.search import Page, Search, count_up_to, page_of, search, with_field, without
from jobs.search.edit import value_of
from jobs.search.fields import ALL
from jobs.search.grammar import LONGEST
from jobs.search.offers import offers
from jobs.search.record import HEAVY
from jobs.states import WAITING, State

CHOICES = ("state", "kind", "queue", "owner")
"""What the drop-downs choose, as the address has it: `?state=failed` becomes a word of the filter."""
EMPTY = Page[Job]([], "", "")
GONE = "That page belongs to another filter. Here are the newest that fit."


@dataclass(frozen=True)
class Line:
    """A job as the list shows it."""

    job: Job
    title: str
    label: str
    note: str
    percent: int | None


class Chip(NamedTuple):
    """A part of the filter in plain words, and the address of the list without it."""

    meaning: str
    is_negated: bool
    without: str


@require_safe
@signed_in
def jobs_list(request: HttpRequest) -> HttpResponse:
    """A page of jobs that this person may see; htmx asks for the lines alone."""
    text = word(request.GET, "filter", LONGEST + 1)
    if any(name in request.GET for name in CHOICES):
        return HttpResponseRedirect(address(chosen(request, text)))
    context: dict[str, Any] = {"section": "jobs", "text": text, "fields": ALL, "offers": json.dumps(offers())}
    context |= choices(text)
    try:
        found = search(text, user=request.user)
        context |= listed(request, found)
    except BadFilter as error:
        context |= {"refused": error, "shown": EMPTY}
        return page(request, "jobs.html", context, status=422)
    return page(request, "jobs_lines.html" if is_live(request) else "jobs.html", context)


def listed(request: HttpRequest, found: Search) -> dict[str, Any]:
    """The jobs of the page that was asked for, and what the filter was taken to mean."""
    cursor, notice = request.GET.get("page", ""), ""
    jobs = found.apply(visible_jobs(request.user))
    rows = jobs.select_related("owner").defer(*HEAVY)
    try:
        shown = page_of(rows, cursor, of=found.text)
    except BadCursor:
        cursor, notice = "", GONE
        shown = page_of(rows, of=found.text)
    return {
        "text": found.text,
        "query": query(found.text),
        "chips": [
            Chip(part.meaning, part.word.is_negated, address(without(found.text, part.word)))
            for part in found.parts
        ],
        "shown": shown,
        "lines": lines_of(shown.rows),
        "is_moving": any(not job.is_final for job in shown.rows),
        "cursor": cursor,
        "notice": notice,
        "count": count_up_to(jobs, of=found.text) if request.GET.get("count") else None,
    }


def chosen(request: HttpRequest, text: str) -> str:
    """The filter with what the drop-downs say."""
    for name in CHOICES:
        if name in request.GET:
            text = with_field(text, name, word(request.GET, name))
    return text


def choices(text: str) -> dict[str, Any]:
    """What the drop-downs offer; one that the filter names but nobody offers is offered too.

    Kinds that only code asks for stand apart, below those that people know.
    """
    kinds = [(kind.name, kind.title) for kind in KINDS.listed()]
    apart = [(kind.name, kind.title) for kind in KINDS.all() if not kind.is_listed]
    offered = {
        "state": [(state.value, state.value) for state in State],
        "kind": kinds,
        "queue": [(queue, queue) for queue in KINDS.queues()],
        "owner": [("me", "me")],
    }
    drops = []
    for name, options in offered.items():
        value, below = value_of(text, name), apart if name == "kind" else []
        if value and value not in dict(options + below):
            options.append((value, value))
        drops.append({"name": name, "options": options, "apart": below, "value": value})
    return {"drops": drops}


def query(text: str) -> str:
    """The filter as a part of an address."""
    return urlencode({"filter": text}) if text else ""


def address(text: str) -> str:
    """Where the list of what fits is."""
    return f"{reverse('jobs')}?{query(text)}" if text else reverse("jobs")


def lines_of(jobs: list[Job]) -> list[Line]:
    """With what tells them apart, the reason of those that wait and the progress of those that run."""
    reasons = waiting_reasons([job.id for job in jobs if job.state in WAITING])
    running = [job.id for job in jobs if job.state == State.RUNNING]
    progress = Progress.objects.in_bulk(running) if running else {}
    labels = labels_of(jobs)
    return [line_of(job, labels.get(job.id, ""), reasons.get(job.id), progress.get(job.id)) for job in jobs]


def line_of(job: Job, label: str, waiting: Any, progress: Progress | None) -> Line:
    kind = KINDS.get(job.kind)
    is_fresh = progress is not None and progress.attempt == job.attempt
    note = waiting.text if waiting else progress.note if progress and is_fresh else ""
    percent = round(progress.fraction * 100) if progress and is_fresh else None
    return Line(job, kind.title if kind else job.kind, label, note, percent)
