"""A meter: what a job, or a mail, costs the processors of those who do it.

On a shared machine the speed of a drain differs by a fifth from one to the next, its costs by a twentieth.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

from bench.processes import cpu_seconds, family

Costs = Mapping[str, float]
"""Program → the processor's microseconds for each."""


class Process(Protocol):
    """What can be measured while it runs."""

    @property
    def pid(self) -> int | None: ...


Programs = Mapping[str, Sequence[Process]]
"""By the name under which their costs are listed."""


class Meter:
    """From now on; all that descends from the programs counts as theirs."""

    def __init__(self, programs: Programs) -> None:
        self._pids = {
            name: [each.pid for each in some if each.pid is not None] for name, some in programs.items()
        }
        self._before = self._used()

    def each(self, count: int) -> Costs:
        """What each of so many did cost since."""
        used = self._used()
        return {name: (used[name] - self._before[name]) / count * 1e6 for name in self._pids}

    def _used(self) -> dict[str, float]:
        """Processor seconds so far."""
        return {
            name: sum(cpu_seconds(one) for pid in some for one in family(pid))
            for name, some in self._pids.items()
        }


def typical(rounds: Sequence[Costs]) -> dict[str, float]:
    """The median of all rounds."""
    return {name: round(statistics.median(costs[name] for costs in rounds), 1) for name in rounds[0]}
