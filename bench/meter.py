"""A meter: what a job, or a mail, costs the processors of those who do it.

On a shared machine the speed of a drain differs by a fifth from one to the next, its costs by a twentieth.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

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


class Pace(NamedTuple):
    """How many in a second, and what each of them cost."""

    rate: float
    costs: Costs


class Stretch:
    """What is timed of so many: from a tenth of them to the last, so that start-up does not count.

    From the beginning if all were done before a tenth was seen.
    """

    def __init__(self, count: int, programs: Programs) -> None:
        self._count = count
        self._programs = programs
        self._begin(0)

    def see(self, done: int) -> None:
        """Tell it of each look."""
        if not self._first and self._count // 10 <= done < self._count:
            self._begin(done)

    def end(self, done: int) -> Pace:
        """All are done, and recorded."""
        seconds, costs = time.monotonic() - self._began, self._meter.each(done - self._first)
        return Pace((done - self._first) / seconds, costs)

    def _begin(self, done: int) -> None:
        self._began, self._first, self._meter = time.monotonic(), done, Meter(self._programs)


def typical(rounds: Sequence[Costs]) -> dict[str, float]:
    """The median of all rounds."""
    return {name: round(statistics.median(costs[name] for costs in rounds), 1) for name in rounds[0]}
