"""How many jobs to claim at once: as many as run within `record_seconds`, by what was measured."""

from __future__ import annotations

from jobs.conf import conf
from jobs.registry import KINDS

WEIGHT = 0.2
"""How much the newest batch counts in the moving average."""


class Pace:
    """What this child knows of a queue: the kind that came last, and how long its jobs take."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._seconds: dict[str, float] = {}

    def batch(self, queue: str) -> int:
        """The most one claim may take: 1 until a kind came by that declares a repetition harmless."""
        kind = KINDS.get(self._kinds.get(queue, ""))
        if kind is None or kind.batch == 1:
            return 1
        return max(1, min(kind.batch, int(conf().record_seconds / max(self._seconds[kind.name], 1e-6))))

    def measured(self, queue: str, kind: str, seconds: float, jobs: int) -> None:
        """A batch of that many jobs of a kind took this long."""
        each = seconds / max(jobs, 1)
        known = self._seconds.get(kind, each)
        self._kinds[queue] = kind
        self._seconds[kind] = known + WEIGHT * (each - known)
