"""How many items of a job are in each state, for pages that ask again every second.

To count a million takes most of a second. So what was long to count is shown for a while longer, by itself
whole: it adds up to what was accepted. When the job moves it is counted anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from uuid import UUID

from jobs import items
from jobs.models import Job
from jobs.states import ItemState

QUICK_SECONDS = 0.05
"""What takes less is counted each time."""
TIMES = 20
"""So many times as long as it took to count them the counts are kept: looking costs a twentieth of a core."""
LONGEST_SECONDS = 15.0
MOST = 200
clock: Callable[[], float] = time.monotonic

Counts = Mapping[ItemState, int]
_kept: dict[tuple[UUID, int], tuple[float, Counts]] = {}


def counts_of(job: Job) -> Counts:
    """The counts, some seconds old where there are very many."""
    key, now = (job.id, job.version), clock()
    until, counts = _kept.get(key, (0.0, {}))
    if now < until:
        return counts
    counts = items.counts(job.id)
    took = clock() - now
    _kept.pop(key, None)
    if took > QUICK_SECONDS:
        while len(_kept) >= MOST:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = (now + took + min(TIMES * took, LONGEST_SECONDS), counts)
    return counts
