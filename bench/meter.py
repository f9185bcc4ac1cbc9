"""A meter: what a job, or a mail, costs the processors of those who do it.

On a shared machine the speed of a drain differs by a fifth from one to the next, what it costs by a
twentieth: so a price that is small is seen here.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from bench.processes import cpu_seconds, family

Costs = Mapping[str, float]
"""Program → the processor's microseconds for each."""


class Meter:
    """From now on; `pids` are the programs' processes, by a name, and all that descend from them count."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._pids = pids
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
