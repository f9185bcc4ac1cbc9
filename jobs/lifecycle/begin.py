"""Where new jobs begin: their state, whether they may stand in line at once, and at which turn.

A single job asks the same within the statement that writes it: row.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from jobs.database import DJANGO, Database
from jobs.lifecycle.known import held, silent_seconds
from jobs.lifecycle.turn import step, turn
from jobs.limit import Bound
from jobs.states import State

KNOWN = f"NOT {held('%(queue)s', '%(kind)s')}"
FIRST_TURN = turn("%(queue)s", "%(priority)s", "%(owner)s")
BEGIN = f"SELECT clock_timestamp(), {KNOWN}, {FIRST_TURN}, {step('%(owner)s')}"


class Beginning(NamedTuple):
    """Where new jobs of a kind begin: state, whether it is known, the first one's turn, how far apart."""

    state: State
    is_known: bool
    turn: float
    step: float

    def ready(self, limits: Sequence[Bound]) -> bool:
        """Whether such a job may pass at once."""
        return self.is_known and not limits

    def held_by(self, limits: Sequence[Bound]) -> str | None:
        """The key at which such a job waits for a slot."""
        return limits[0].key if limits and self.is_known else None


def begin(
    kind: str, queue: str, priority: int, owner: int, run_at: datetime | None, *, db: Database = DJANGO
) -> Beginning:
    """Where new jobs of one call begin."""
    params = {"kind": kind, "queue": queue, "priority": priority, "owner": owner, "silent": silent_seconds()}
    now, is_known, first, apart = db.rows(BEGIN, params)[0]
    if run_at is not None and run_at > now:
        return Beginning(State.SCHEDULED, False, 0.0, 0.0)
    return Beginning(State.QUEUED, bool(is_known), first, apart)
