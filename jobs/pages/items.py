"""The items of a job (a campaign's recipients): how each stands, found, listed, and taken along as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs.cells import harmless
from jobs.download import csv_lines, download
from jobs.errors import BadFilter
from jobs.item_list import RETURNED, ItemPage, WantedItems, each_item, is_undecided, page_of_items, reference
from jobs.item_note import Note, note_of, notes_of, returned_at, said_of
from jobs.item_words import ItemWords
from jobs.lifecycle import again
from jobs.models import Item, Job
from jobs.owners import can_act, can_submit, find_job
from jobs.pages.answers import page, signed_in
from jobs.pages.counted import Counts, counts_of, returned_of
from jobs.pages.words import word
from jobs.registry import KINDS
from jobs.search.record import time
from jobs.states import ItemState

SIZE = 50
LONGEST = 254
SLOW = "To look through so many took too long. Write more of what you look for, or choose how they stand."


class Tab(NamedTuple):
    """One way to look at the list."""

    state: str
    said: str
    number: int | None
    query: str
    is_chosen: bool


class Shown(NamedTuple):
    """A line of the list."""

    item: Item
    said: str
    notes: list[Note]
    reference: str
    is_open: bool
    """Whether somebody still has to decide about it."""


@never_cache
@require_safe
@signed_in
def job_items(request: HttpRequest, id: UUID) -> HttpResponse:
    """A page of them."""
    job = find_job(request.user, id)
    words, wanted = KINDS.item_words(job.kind, is_over=job.is_final), wanted_by(request)
    counted = counts_of(job)
    found, notice = listed(request, job, wanted)
    lines = [shown(item, words) for item in found.rows]
    may_decide = can_act(request.user, job) and job.is_final
    context = {
        "section": "jobs",
        "job": job,
        "kind": KINDS.get(job.kind),
        "words": words,
        "wanted": wanted,
        "accepted": sum(counted.values()),
        "tabs": list(tabs(counted, returned_of(job, words, counted), words, wanted)),
        "query": query_of(wanted),
        "lines": lines,
        "has_reference": bool(words.reference),
        "reference_note": words.reference_note if any(line.reference for line in lines) else "",
        "found": found,
        "pages": {
            side: urlencode(asked(wanted) | {side: key})
            for side, key in (("before", found.before), ("after", found.after))
            if key
        },
        "notice": notice,
        "undecided": again.count_undecided(job.id) if counted[ItemState.UNCERTAIN] else 0,
        "may_leave": may_decide,
        "may_do_again": may_decide and can_submit(request.user),
        "is_choosing": may_decide and any(line.is_open for line in lines),
    }
    return page(request, "items.html", context)


@require_safe
@signed_in
def job_items_csv(request: HttpRequest, id: UUID) -> StreamingHttpResponse:
    """All that fit, as CSV."""
    job = find_job(request.user, id)
    words = KINDS.item_words(job.kind, is_over=job.is_final)
    heading = [words.one, "state", "note", (words.reference or "reference").lower(), "moved_at"]
    if words.returned:
        told = words.returned.replace(" ", "_")
        heading += [f"{told}_at", f"{told}_said"]
    lines = csv_lines(heading, rows(job, wanted_by(request), words), mark="\ufeff")
    return download(request, lines, name=f"{words.many}.csv")


def rows(job: Job, wanted: WantedItems, words: ItemWords) -> Iterator[list[str]]:
    """Each as the cells of a line; none is a formula."""
    for chunk in each_item(job.id, wanted):
        for item in chunk:
            yield [
                harmless(item.key),
                words.state(item.state),
                harmless(note_of(item.detail)),
                harmless(reference(item, words)),
                time(item.moved_at) or "",
                *(
                    [time(returned_at(item.detail)) or "", harmless(said_of(item.detail))]
                    if words.returned
                    else []
                ),
            ]


def listed(request: HttpRequest, job: Job, wanted: WantedItems) -> tuple[ItemPage, str]:
    """The page that is asked for; none, and why, where the search took too long."""
    after, before = (word(request.GET, side, 2_000) for side in ("after", "before"))
    try:
        return page_of_items(job.id, wanted, after=after, before=before, size=SIZE), ""
    except BadFilter:
        return ItemPage([], "", ""), SLOW


def shown(item: Item, words: ItemWords) -> Shown:
    """What a line says."""
    return Shown(
        item,
        words.state(item.state),
        notes_of(item.detail),
        reference(item, words),
        is_undecided(item),
    )


def tabs(counted: Counts, returned: int, words: ItemWords, wanted: WantedItems) -> Iterator[Tab]:
    """All of them, each state that any is in, and those about which something came back."""
    ways: list[tuple[str, str, int | None]] = [("", "all", sum(counted.values()))]
    ways += [(state.value, words.state(state), number) for state, number in counted.items() if number]
    if words.returned and (returned or counted[ItemState.DONE]):
        ways.append((RETURNED, words.returned, returned or None))
    if wanted.state and wanted.state not in {state for state, _, _ in ways}:
        ways.append((wanted.state, words.state(wanted.state), 0))
    for state, said, number in ways:
        query = query_of(WantedItems(state, wanted.text))
        yield Tab(state, said, number, query, state == wanted.state)


def wanted_by(request: HttpRequest) -> WantedItems:
    """The search in the address."""
    state = word(request.GET, "state", 20)
    known = {*(each.value for each in ItemState), RETURNED}
    return WantedItems(state if state in known else "", word(request.GET, "text", LONGEST))


def asked(wanted: WantedItems) -> dict[str, Any]:
    """The search as the address says it."""
    return {name: value for name, value in vars(wanted).items() if value}


def query_of(wanted: WantedItems) -> str:
    """The same, encoded."""
    return urlencode(asked(wanted))
