"""Low water: where claims may start, so that they need not walk over what an old snapshot keeps.

While somebody holds a snapshot open (an export, a forgotten transaction), PostgreSQL removes nothing: every
job that ever left the line still stands in its index, and a claim that begins at the head reads them all. So
once a look from the head has become dear, claims start where this child found work two such looks ago, and
look from the head again only as often as that costs little. What comes to stand before the mark meanwhile
(a rescued job, a new priority) is found by the next look from the head; the sweep rings for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from jobs.attempt import Claimed, Place

DEAR_SECONDS = 0.002
"""Two looks from the head that take longer are dear; one may have met a stall. Healthy ones take a tenth."""
SHARE = 0.01
"""Dear looks may take this share of the time, …"""
LOOKS = 200
"""… and be one among so many, …"""
RARE_SECONDS = 5.0
"""… unless the last was so long ago; …"""
MOST_SECONDS = 15.0
"""… but however dear they are, this is how long claims may be blind to what stands before the mark."""


class LowWater:
    """What this child knows of the lines it claims from."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def claim(self, queue: str, claim: Callable[[Place | None], list[Claimed]]) -> list[Claimed]:
        """Jobs of a queue: by one look from the head, or by looks from the marks, high priority first."""
        line = self._lines.setdefault(queue, Line())
        now = time.monotonic()
        if not line.is_due(now):
            jobs = next(filter(None, map(claim, line.marks())), [])
            line.went_on(jobs)
            line.found(jobs)
        elif jobs := claim(None):
            # Only what the server measured counts: a way of a few milliseconds to it makes no look dear.
            line.found(jobs)
            line.looked(jobs[0].looked_seconds)
        return jobs


class Line:
    """One queue's line: a mark per priority, and when the next look from the head is due."""

    def __init__(self) -> None:
        self._due_at = 0.0
        self._late_at = 0.0
        self._looks = 0
        self._seconds = 0.0
        self._latest: dict[int, Place] = {}
        self._last: dict[int, Place] = {}
        self._marks: dict[int, Place] = {}

    def is_due(self, now: float) -> bool:
        """Whether the next look is one from the head."""
        self._looks += 1
        return now >= self._due_at and (self._looks >= LOOKS or now >= self._late_at)

    def marks(self) -> Sequence[Place]:
        """Where to look, in this order."""
        return [self._marks[priority] for priority in sorted(self._marks, reverse=True)]

    def looked(self, seconds: float) -> None:
        """A look from the head took so long: if that is dear, the marks serve for a while."""
        cost, self._seconds = min(seconds, self._seconds), seconds
        if cost < DEAR_SECONDS or not self._latest:
            return
        self._marks, self._last, self._latest = {**self._latest, **self._last}, self._latest, {}
        self._looks = 0
        self._due_at = time.monotonic() + min(cost / SHARE, MOST_SECONDS)
        self._late_at = max(self._due_at, time.monotonic() + RARE_SECONDS)

    def went_on(self, jobs: Sequence[Claimed]) -> None:
        """A look from a mark that was dear itself: the mark follows to where the one before it found work."""
        if jobs and jobs[0].looked_seconds >= DEAR_SECONDS:
            priority = jobs[0].place.priority
            self._marks[priority] = self._latest.get(priority, self._marks[priority])

    def found(self, jobs: Sequence[Claimed]) -> None:
        """These were claimed."""
        if jobs:
            self._latest[jobs[0].place.priority] = jobs[0].place
