"""How long it took: from each fault to the next start of the jobs it interrupted."""

from __future__ import annotations

from uuid import UUID

from jobs.states import State
from tests.faults.audit import Change


def longest(faults: list[float], changes: list[Change]) -> float | None:
    """Seconds; None if nothing happened after any fault.

    A job was interrupted if it ran when the fault struck and its attempt did not end by a finish: it went
    back into the line. If a fault interrupted none, the system itself is what recovers: until any job moves.
    """
    times = [found for at in faults if (found := recovery(at, changes)) is not None]
    return max(times, default=None)


def recovery(at: float, changes: list[Change]) -> float | None:
    """The same for one fault."""
    states: dict[UUID, str] = {}
    interrupted: set[UUID] = set()
    starts: dict[UUID, float] = {}
    first_move: float | None = None
    for change in changes:
        if change.at <= at:
            states[change.job] = change.after
            continue
        if State.RUNNING in {change.before, change.after} and first_move is None:
            first_move = change.at - at
        if states.pop(change.job, "") == State.RUNNING and change.after == State.QUEUED:
            interrupted.add(change.job)
        elif change.job in interrupted and change.after == State.RUNNING:
            starts.setdefault(change.job, change.at - at)
    return max(starts.values(), default=first_move)
