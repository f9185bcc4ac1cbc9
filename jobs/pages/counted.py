"""How many items of a job are in each state, and came back, for pages that ask again every second.

To count a million takes most of a second. So what was long to count is shown for a while longer, by itself
whole: it adds up to what was accepted. When the job moves it is counted anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from jobs import items
from jobs.item_list import RETURNED, WantedItems, wanted_items
from jobs.item_words import ItemWords
from jobs.models import Job
from jobs.states import ItemState

QUICK_SECONDS = 0.05
"""What takes less is counted each time."""
TIMES = 20
"""So many times as long as it took to count them the counts are kept: looking costs a twentieth of a core."""
LONGEST_SECONDS = 15.0
MOST = 200
clock: Callable[[], float] = time.monotonic
MAY_RETURN = frozenset({ItemState.DONE, ItemState.UNCERTAIN})
"""Nothing comes back of what was never done."""

T = TypeVar("T")
Counts = Mapping[ItemState, int]
_kept: dict[tuple[UUID, int, str], tuple[float, Any]] = {}


def counts_of(job: Job) -> Counts:
    """The counts, some seconds old where there are very many."""
    return kept_a_while(job, "states", lambda: items.counts(job.id))


def returned_of(job: Job, words: ItemWords, counts: Counts) -> int:
    """About how many a report came back, as old; none where none can."""
    if not words.returned or not any(counts.get(state) for state in MAY_RETURN):
        return 0
    return kept_a_while(job, RETURNED, wanted_items(job.id, WantedItems(RETURNED)).count)


def kept_a_while(job: Job, what: str, count: Callable[[], T]) -> T:
    """What was long to count is not counted again at once."""
    key, now = (job.id, job.version, what), clock()
    until, found = _kept.get(key, (0.0, None))
    if now < until:
        return cast(T, found)
    found = count()
    took = clock() - now
    _kept.pop(key, None)
    if took > QUICK_SECONDS:
        while len(_kept) >= MOST:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = (now + took + min(TIMES * took, LONGEST_SECONDS), found)
    return found
