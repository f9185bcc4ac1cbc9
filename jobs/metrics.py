"""What happened, counted: in memory first, every few seconds added to the Tally table.

A finish touches no shared row: it adds to a dictionary of this process. `flush` adds what was counted to the
table in one statement and is called by every process's own timer, so that any web process can answer for all.
A process that dies loses at most the counts since its last flush; jobs are never counted twice.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from jobs.database import Database

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Upper bounds of the histograms, in seconds."""
INF = "+Inf"
NAMES = (*(f"{bound:g}" for bound in BUCKETS), INF)
"""What each place among the buckets is called."""
SUM = "sum"
"""The bucket that holds the sum of what was observed."""


class Metric(StrEnum):
    """What is counted; core/metrics.py and docs/reference/metrics.md say what each means."""

    SUBMITTED = "submitted"
    STARTED = "started"
    FINISHED = "finished"
    WAIT = "wait"
    RUN = "run"
    RESCUED = "rescued"
    DROPPED = "dropped"


Series = tuple[str, str, str, str]
"""metric, kind, outcome, bucket: the unique key of a Tally."""

_lock = threading.Lock()
_counts: dict[Series, float] = {}


def count(metric: Metric | str, kind: str, outcome: str = "", *, by: float = 1) -> None:
    """Count something that happened to a job of this kind; ValueError for what nobody counts."""
    with _lock:
        _add((Metric(metric), kind, outcome, ""), by)


def observe(metric: Metric | str, kind: str, seconds: Iterable[float]) -> None:
    """Add durations to a histogram. One bucket is raised for each; whoever reads adds them up."""
    each = list(seconds)
    name = Metric(metric)
    with _lock:
        for place, number in Counter(bisect_left(BUCKETS, one) for one in each).items():
            _add((name, kind, "", NAMES[place]), number)
        _add((name, kind, "", SUM), sum(max(one, 0.0) for one in each))


def pending() -> dict[Series, float]:
    """What this process counted and has not flushed yet."""
    with _lock:
        return dict(_counts)


def flush(db: Database) -> int:
    """Add what was counted to the table; how many series. Kept for the next time if the database is away."""
    taken = _take()
    if not taken:
        return 0
    # In one order everywhere: two processes that flush at once must not wait for each other.
    series = sorted(taken)
    try:
        db.rows(
            """
            INSERT INTO millrace_tally (metric, kind, outcome, bucket, value)
            SELECT * FROM unnest(%(metrics)s::text[], %(kinds)s::text[], %(outcomes)s::text[],
                                 %(buckets)s::text[], %(values)s::float8[])
            ON CONFLICT (metric, kind, outcome, bucket)
            DO UPDATE SET value = millrace_tally.value + excluded.value
            """,
            {
                "metrics": [one[0] for one in series],
                "kinds": [one[1] for one in series],
                "outcomes": [one[2] for one in series],
                "buckets": [one[3] for one in series],
                "values": [taken[one] for one in series],
            },
        )
    except BaseException:
        _give_back(taken)
        raise
    return len(series)


def _add(series: Series, by: float) -> None:
    _counts[series] = _counts.get(series, 0.0) + by


def _take() -> dict[Series, float]:
    global _counts
    with _lock:
        taken, _counts = _counts, {}
    return taken


def _give_back(taken: dict[Series, float]) -> None:
    with _lock:
        for series, value in taken.items():
            _add(series, value)


def _start_empty() -> None:
    """A forked child counts from nothing: what the parent counted is flushed by the parent."""
    global _lock, _counts
    _lock, _counts = threading.Lock(), {}


os.register_at_fork(after_in_child=_start_empty)
