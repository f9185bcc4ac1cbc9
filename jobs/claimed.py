"""What a claim gives to its holder."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID


class Place(NamedTuple):
    """A place in the line of a queue."""

    priority: int
    turn: float
    seq: int


class Claimed(NamedTuple):
    """A job this holder may try now.

    `waited_seconds` is since it could last have been claimed; `looked_seconds` is what the server needed to
    find the first of those claimed with it.
    """

    id: UUID
    kind: str
    attempt: int
    payload: str
    owner: int
    failures: int
    crashes: int
    alone: bool
    waited_seconds: float
    looked_seconds: float = 0.0
    place: Place = Place(0, 0.0, 0)
