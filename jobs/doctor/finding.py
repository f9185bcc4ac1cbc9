"""A finding: what is wrong, why it will hurt, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How an area stands, the worst last."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """Could not be looked at, so whatever is wrong there is not in the list."""


WORST = list(State)


@dataclass(frozen=True)
class Finding:
    """One thing to know. `id` is stable (`area.word`); the sentences are for people."""

    id: str
    state: State
    found: str
    """What was seen, with its figure."""
    why: str
    """What it does to jobs."""
    remedy: str
    """A command or a setting that can be typed as it stands."""


def warning(id: str, found: str, *, why: str, remedy: str) -> Finding:
    """Will hurt one day, or hurts a little."""
    return Finding(id, State.WARNING, found, why, remedy)


def problem(id: str, found: str, *, why: str, remedy: str) -> Finding:
    """Hurts now, or loses something at the next accident."""
    return Finding(id, State.PROBLEM, found, why, remedy)


def unknown(id: str, found: str, *, why: str, remedy: str) -> Finding:
    """Could not be looked at."""
    return Finding(id, State.UNKNOWN, found, why, remedy)


@dataclass(frozen=True)
class Seen:
    """What a look at one area brought: a line of figures, and what is wrong."""

    text: str
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Area:
    """One line of the report, with what stands below it."""

    name: str
    title: str
    seen: Seen
    seconds: float
    is_essential: bool

    @property
    def state(self) -> State:
        """The worst of its findings."""
        return worst(finding.state for finding in self.seen.findings)

    @property
    def is_away(self) -> bool:
        """Whether it gave no answer at all, so that nobody who stands on it needs to be asked."""
        return bool({f"{self.name}.away", f"{self.name}.silent"} & {one.id for one in self.seen.findings})


def worst(states: Iterable[State]) -> State:
    """The worst of them; ok if there are none."""
    return max(states, key=WORST.index, default=State.OK)
