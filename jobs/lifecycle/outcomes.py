"""Outcomes, once the database has answered: how they were recorded, and who is told what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from jobs import metrics, moved
from jobs.attempt import Outcome
from jobs.failpoints import reach
from jobs.states import Code, State

log = structlog.get_logger(__name__)


def as_recorded(outcomes: Sequence[Outcome], moved: dict[UUID, str]) -> list[Outcome]:
    """Those that were kept; one that was to be repeated is a cancellation where that was asked for."""
    return [
        replace(o, state=State.CANCELLED, code=Code.CANCELLED_BY)
        if o.state is State.RETRYING and moved[o.job] == State.CANCELLED
        else o
        for o in outcomes
        if o.job in moved
    ]


def ended_as(outcome: Outcome) -> str:
    """What the timeline calls it."""
    if outcome.state is State.CANCELLED:
        return "cancelled"
    return "timed_out" if outcome.code is Code.TIMEOUT else "failed"


def tell(outcomes: Sequence[Outcome], states: dict[UUID, str]) -> None:
    """After the commit: say what moved where, count what was kept, and name what was dropped."""
    reach("finish.after_commit")
    moved.tell_each(states)
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for outcome in outcomes:
        state = states.get(outcome.job)
        if state is None:
            metrics.count("dropped", outcome.kind)
            log.warning(
                "outcome_dropped", job_id=str(outcome.job), attempt=outcome.attempt, code=outcome.code
            )
            continue
        seconds[outcome.kind, state].append(outcome.run_seconds)
    for (kind, state), each in seconds.items():
        metrics.count("finished", kind, outcome=state, by=len(each))
        metrics.observe("run", kind, each)
