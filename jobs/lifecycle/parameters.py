"""Parameters: outcomes as the statements of finish take them; asked for as one of these is about to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from jobs.attempt import Outcome
from jobs.failpoints import reach
from jobs.text import storable


def params_of(outcomes: Sequence[Outcome], holder: UUID, *, is_plain: bool) -> dict[str, Any]:
    """The outcomes as SUCCEED or SUCCEED_ONE takes them, or as FINISH does."""
    reach("finish.before")
    if not is_plain:
        return {"holder": holder} | by_column(outcomes)
    return {"holder": holder} | (by_id(outcomes) if len(outcomes) > 1 else of_one(outcomes[0]))


def of_one(outcome: Outcome) -> dict[str, Any]:
    """Of a plain success alone."""
    return {"id": str(outcome.job), "attempt": outcome.attempt, "result": outcome.result}


def by_id(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Of plain successes: objects by job id."""
    ids = [str(o.job) for o in outcomes]
    return {
        "ids": "{" + ",".join(ids) + "}",
        "attempts": as_object(ids, [o.attempt for o in outcomes]),
        "results": as_object(ids, [o.result for o in outcomes]),
    }


def as_object(ids: list[str], values: Sequence[str | int | None]) -> str:
    """A JSON object of what is JSON already; nothing for None."""
    found = [f'"{id}":{value}' for id, value in zip(ids, values, strict=True) if value is not None]
    return "{" + ",".join(found) + "}"


def by_column(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Of all kinds of outcomes: an array for each column."""
    return {
        "count": len(outcomes),
        "ids": [o.job for o in outcomes],
        "attempts": [o.attempt for o in outcomes],
        "states": [o.state.value for o in outcomes],
        "codes": [o.code.value for o in outcomes],
        "errors": [storable(o.error) for o in outcomes],
        "results": [o.result for o in outcomes],
        "delays": [o.delay.total_seconds() if o.delay is not None else None for o in outcomes],
    }
