"""What a box for filters can offer while somebody types: every field, and the values there are for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict

from jobs.registry import KINDS
from jobs.search.fields import ALL
from jobs.states import Code, State

PAST = ((">1h", "in the last hour"), (">1d", "in the last 24 hours"), ("today", ""), ("yesterday", ""))
DOORS = ("web", "api", "cli", "schedule", "public", "code")

Values = Iterable[tuple[str, str]]
"""Pairs of what is written and what it means; the meaning may be empty."""


class Offer(TypedDict):
    """A field as it is offered: `values` are pairs of what is written and what it means."""

    name: str
    means: str
    values: list[tuple[str, str]]


def offers() -> list[Offer]:
    """Of every field of the grammar; a field whose values nobody can list has none."""
    return [
        {"name": field.name, "means": field.means, "values": list(VALUES.get(field.name, nothing)())}
        for field in ALL
    ]


def nothing() -> Values:
    return ()


def words(names: Iterable[str]) -> Values:
    return ((str(name), "") for name in names)


def kinds() -> Values:
    """Those that pages offer, by name."""
    return ((kind.name, kind.title) for kind in KINDS.listed())


VALUES: Mapping[str, Callable[[], Values]] = {
    "state": lambda: words(State),
    "kind": kinds,
    "queue": lambda: words(KINDS.queues()),
    "owner": lambda: (("me", "you"),),
    "code": lambda: words(Code),
    "door": lambda: words(DOORS),
    "created": lambda: PAST,
    "started": lambda: PAST,
    "finished": lambda: PAST,
    "due": lambda: (("<10m", "within ten minutes"), ("<1d", "within 24 hours")),
}
