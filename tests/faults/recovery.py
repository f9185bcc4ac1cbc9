"""How long it took: from each fault to the next start of the jobs it interrupted."""

from __future__ import annotations

from jobs.states import State
from tests.faults.audit import Change


def longest(faults: list[float], changes: list[Change]) -> float | None:
    """Seconds; None if nothing happened after any fault.

    A job was interrupted if it ran when the fault struck and its attempt did not end by a finish: it went back
    into the line. If a fault interrupted none, the system itself is what recovers: until any job moves on.
    """
    times = [found for at in faults if (found := recovery(at, changes)) is not None]
    return max(times, default=None)


def recovery(at: float, changes: list[Change]) -> float | None:
    """The same for one fault."""
    after = [change for change in changes if change.at > at]
    running = {c.job for c in changes if c.at <= at and c.after == State.RUNNING} - {
        c.job for c in changes if c.at <= at and c.before == State.RUNNING and is_last(c, changes, at)
    }
    taken_back = {
        c.job for c in after if c.job in running and c.before == State.RUNNING and c.after == State.QUEUED
    }
    starts: dict[object, float] = {}
    for change in after:
        if change.job in taken_back and change.after == State.RUNNING:
            starts.setdefault(change.job, change.at - at)
    if starts:
        return max(starts.values())
    moves = [
        change.at - at for change in after if change.before == State.RUNNING or change.after == State.RUNNING
    ]
    return min(moves, default=None)


def is_last(change: Change, changes: list[Change], at: float) -> bool:
    """Whether no later change of the job came before the fault."""
    return not any(c.job == change.job and change.at < c.at <= at for c in changes)
