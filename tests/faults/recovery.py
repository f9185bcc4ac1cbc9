"""How long it took: from each fault until what it interrupted runs again, or what waited begins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from uuid import UUID

from jobs.states import State
from tests.faults.audit import Change


def longest(faults: list[float], changes: list[Change], accepted: Mapping[UUID, float]) -> float | None:
    """Seconds, of the fault that took longest; None if none interrupted anything and nothing waited.

    `accepted` says when each job was handed in. A job was interrupted if it ran when the fault struck and its
    attempt did not end by a finish: it went back into the line, and has recovered when it starts again. After
    a fault that interrupted none, the first job has to start that was accepted before it and waited.
    """
    times = [found for at in faults if (found := recovery(at, changes, accepted)) is not None]
    return max(times, default=None)


def recovery(at: float, changes: list[Change], accepted: Mapping[UUID, float]) -> float | None:
    """The same for one fault."""
    moved: set[UUID] = set()
    interrupted: set[UUID] = set()
    starts: dict[UUID, float] = {}
    first_start: float | None = None
    for change in changes:
        if change.at <= at:
            continue
        is_first = change.job not in moved  # so that its state before is the one that the fault found
        moved.add(change.job)
        if is_first and (change.before, change.after) == (State.RUNNING, State.QUEUED):
            interrupted.add(change.job)
        if change.after != State.RUNNING:
            continue
        if change.job in interrupted:
            starts.setdefault(change.job, change.at - at)
        elif is_first and first_start is None and accepted.get(change.job, math.inf) <= at:
            first_start = change.at - at
    return max(starts.values(), default=None) if interrupted else first_start
