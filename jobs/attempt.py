"""An attempt, as it is handed over: what a claim gives to its holder, and what the holder brings back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from jobs.states import Code, State


class Place(NamedTuple):
    """A place in the line of a queue."""

    priority: int
    turn: float
    seq: int


class Claimed(NamedTuple):
    """A job this holder may try now.

    `waited_seconds` is since it could last have been claimed; `looked_seconds` is what the server needed to
    find the first of those claimed with it; `limits` is what holds for it, as its row keeps it;
    `has_more` is whether others may stand behind it.
    """

    id: UUID
    kind: str
    attempt: int
    payload: str
    owner: int
    failures: int
    crashes: int
    alone: bool
    waited_seconds: float
    looked_seconds: float = 0.0
    place: Place = Place(0, 0.0, 0)
    limits: str | None = None
    has_more: bool = True


@dataclass(kw_only=True)
class Outcome:
    """How one attempt ended. `result` is JSON text; `delay` is the backoff of an attempt to be repeated.

    `limits` are those its job is under: their slots become free.
    """

    job: UUID
    kind: str
    attempt: int
    state: State
    code: Code = Code.OK
    error: str = ""
    trace: str = ""
    result: str | None = None
    delay: timedelta | None = None
    was_troubled: bool = False
    run_seconds: float = 0.0
    artifacts: list[Any] = field(default_factory=list)
    limits: str | None = None

    @property
    def is_success(self) -> bool:
        return self.state is State.SUCCEEDED

    @property
    def is_failure(self) -> bool:
        """Whether it is charged to the job's budget of failures."""
        return self.state in {State.RETRYING, State.FAILED}
