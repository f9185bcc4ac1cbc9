"""Leave parts of Millrace out, to measure what each costs: BENCH_WITHOUT=logs,metrics for a worker.

There is no setting for this, on purpose: what is left out here is what makes a job explain itself. Events
need nothing here; a worker started without Celery's `-E`, and without Flower, sends none.
"""

from __future__ import annotations

import os
from typing import Any

import structlog


def leave_out() -> None:
    """In a worker's main, before it forks."""
    for name in filter(None, os.environ.get("BENCH_WITHOUT", "").split(",")):
        PARTS[name]()


def without_logs() -> None:
    """No line of any logger is kept with its job; a kind's own logger writes to the worker's log alone."""
    from workers import context

    logger = structlog.get_logger("bench")
    context.start_keeping = nothing  # type: ignore[assignment]
    context.stop_keeping = nothing  # type: ignore[assignment]
    context.make_logger = lambda kept, name: logger  # type: ignore[assignment]


def without_metrics() -> None:
    """Nothing is counted."""
    from jobs import metrics

    metrics.count = nothing  # type: ignore[assignment]
    metrics.observe = nothing  # type: ignore[assignment]


def nothing(*_: Any, **__: Any) -> None:
    """In the place of what is left out."""


PARTS = {"logs": without_logs, "metrics": without_metrics}
