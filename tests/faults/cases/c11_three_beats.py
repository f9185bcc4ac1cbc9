"""Case 11: three Beats, killed at random, over both days on which clocks change."""

from __future__ import annotations

from tests.faults.case import Case, not_built

CASE = Case(
    11,
    "Three Beats, killed at random, over both days of the changing clock",
    "every fire time exactly once",
    run=not_built,
    has_quick=False,
    not_built="waits for the schedules' own pages and policies",
)
