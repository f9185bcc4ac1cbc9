"""The items of a job for whoever looks: one state, a part of a name, a page at a time or all of them.

They come in the order of their keys, for which there is an index whatever else is asked, and go on behind
a key: whatever moves meanwhile, none is left out and none shown twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from jobs.item_words import ItemWords
from jobs.models import Item
from jobs.search.patience import patience
from jobs.states import ItemState
from jobs.text import storable

AT_ONCE = 1_000
RETURNED = "returned"
"""Not a state: about these a report came back."""
UNTOUCHED = frozenset({ItemState.PENDING, ItemState.SKIPPED})
UNDECIDED = Q(state=ItemState.UNCERTAIN) & (Q(detail__isnull=True) | ~Q(detail__has_key="decided"))
"""Those that wait for a person's decision."""


@dataclass(frozen=True)
class WantedItems:
    """Which: one state (or those about which something came back), and a part of the key; empty = any."""

    state: str = ""
    text: str = ""


class ItemPage(NamedTuple):
    """Some items, and the keys that the pages beside begin behind (empty: there is none)."""

    rows: list[Item]
    before: str
    after: str


def is_undecided(item: Item) -> bool:
    """Whether it is one of those."""
    return item.state == ItemState.UNCERTAIN and "decided" not in (item.detail or {})


def reference(item: Item, words: ItemWords) -> str:
    """What others know it by; empty for one that nobody outside has heard of."""
    return "" if item.state in UNTOUCHED else words.known_as(item.job_id, item.id, item.given)


def wanted_items(job: UUID, wanted: WantedItems) -> QuerySet[Item]:
    """Those of a job that fit."""
    rows = Item.objects.filter(job=job)
    if wanted.state == RETURNED:
        rows = rows.filter(detail__has_key="report")
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.text:
        rows = rows.filter(key__icontains=storable(wanted.text.strip()))
    return rows


def page_of_items(
    job: UUID, wanted: WantedItems, *, after: str = "", before: str = "", size: int
) -> ItemPage:
    """The page behind a key, or the one before it; without any, the first. Raises BadFilter when too slow."""
    rows = wanted_items(job, wanted)
    if before:
        found = rows.filter(key__lt=storable(before)).order_by("-key")
    else:
        found = rows.filter(key__gt=storable(after)).order_by("key") if after else rows.order_by("key")
    with patience("items"):
        read = list(found[: size + 1])
    is_more, shown = len(read) > size, read[:size]
    if before:
        shown.reverse()
    has_before, has_after = (is_more, True) if before else (bool(after), is_more)
    return ItemPage(
        rows=shown,
        before=shown[0].key if shown and has_before else "",
        after=shown[-1].key if shown and has_after else "",
    )


def each_item(job: UUID, wanted: WantedItems) -> Iterator[list[Item]]:
    """All of them, some at a time; no transaction stays open."""
    rows = wanted_items(job, wanted).order_by("key")
    chunk = list(rows[:AT_ONCE])
    while chunk:
        yield chunk
        if len(chunk) < AT_ONCE:
            return
        chunk = list(rows.filter(key__gt=chunk[-1].key)[:AT_ONCE])
