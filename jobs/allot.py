"""Who may have a free slot: decided from what was read; `jobs.lifecycle.limits` writes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from jobs.limit import Bound

SLACK = 1e-6
"""Seconds by which a start may come early: times are compared as floats."""
AMPLE = 8
"""So many that stand in the line under one key are many: nobody runs dry before the next look."""


class Standing(NamedTuple):
    """How many stand in a queue's line under a key, and the last one's place; the lower comes first."""

    jobs: int
    last: Sequence[float]


@dataclass
class Slots:
    """One key, as the database knows it: who holds a slot, and when the next start would be free of the rate.

    `earliest` is the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371), in seconds:
    each start moves it on by seconds / starts, and it may run ahead of the clock by a whole period.
    """

    key: str
    version: int
    holders: list[UUID]
    earliest: float
    latest: Bound | None = None
    """What the job that was let through last declared; nobody was yet if None."""
    is_changed: bool = False
    standing: dict[str, Standing] = field(default_factory=dict)
    """Those of the holders that are not yet claimed, by their queue."""

    def is_ample_for(self, queue: str, place: Sequence[float]) -> bool:
        """Whether letting somebody through can wait: they would stand behind at least half of all slots.

        In their own queue: what stands in another may stay there for long. Each look is a commit. So a slot
        that became free is not given away while that hurries nobody.
        """
        latest, standing = self.latest, self.standing.get(queue)
        if latest is None or latest.at_once is None or latest.starts is not None or standing is None:
            return False
        return standing.jobs >= max(AMPLE, latest.at_once / 2) and list(place) > list(standing.last)

    def room(self, now: float, most: int) -> int:
        """How many more to read from the line before this key: as many as the latest declaration allows.

        One at least: it may have been declared anew since.
        """
        if self.latest is None:
            return most
        free: float = math.inf
        if self.latest.at_once is not None:
            free = self.latest.at_once - len(self.holders)
        if self.latest.starts is not None and self.latest.seconds is not None:
            ahead = max(self.earliest - now, 0)
            free = min(free, self.latest.starts * (1 - ahead / self.latest.seconds) + SLACK)
        return max(1, int(min(free, most)))

    def has_room(self, bound: Bound) -> bool:
        """Whether one more may be together with those that are."""
        return bound.at_once is None or len(self.holders) < bound.at_once

    def may_start(self, bound: Bound, now: float) -> bool:
        """Whether the rate allows one more start."""
        if bound.starts is None or bound.seconds is None:
            return True
        return max(self.earliest, now) + bound.seconds / bound.starts <= now + bound.seconds + SLACK

    def take(self, job: UUID, bound: Bound, now: float) -> None:
        """Give the job a slot, and count its start."""
        if bound.at_once is not None:
            self.holders.append(job)
        if bound.starts is not None and bound.seconds is not None:
            self.earliest = max(self.earliest, now) + bound.seconds / bound.starts
        self.is_changed = True


@dataclass(frozen=True)
class Held:
    """A job that waits for a slot: the key it stands at, and everything it needs."""

    job: UUID
    at: str
    bounds: Sequence[Bound]


@dataclass
class Allotment:
    """Who is let through, and who stands at the wrong key: (job, where it stands, where it belongs)."""

    admitted: list[Held] = field(default_factory=list)
    moved: list[tuple[Held, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.admitted or self.moved)


def allot(slots: Mapping[str, Slots], line: Sequence[Held], now: float) -> Allotment:
    """Let through, in this order, whoever finds room at every key; changes `slots` accordingly.

    Who does not stands at the first key without room: it is that key's next free slot that they wait for.
    """
    plan = Allotment()
    for held in line:
        full = next((bound.key for bound in held.bounds if not is_free(slots[bound.key], bound, now)), None)
        if full is None:
            for bound in held.bounds:
                slots[bound.key].take(held.job, bound, now)
            plan.admitted.append(held)
        elif full != held.at:
            plan.moved.append((held, full))
    return plan


def is_free(slots: Slots, bound: Bound, now: float) -> bool:
    """Whether a key has room and its rate a start left."""
    return slots.has_room(bound) and slots.may_start(bound, now)
