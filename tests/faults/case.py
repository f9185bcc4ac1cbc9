"""What a case is, and what it has to say: a row of the table for every variant of its fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.control.plant import Control
from tests.faults.judge import Verdict


@dataclass(frozen=True)
class Size:
    """How much of it: the whole case, or the quick form that is part of `make test`."""

    is_quick: bool = False
    only: str = ""
    """The name of the one variant that is asked for."""

    def wants(self, variant: str, *, in_quick: bool = True) -> bool:
        """Whether this variant is to run; some are not part of the quick form."""
        return variant == self.only if self.only else in_quick or not self.is_quick

    def of(self, whole: int, quick: int) -> int:
        """How many, in this size."""
        return quick if self.is_quick else whole


@dataclass
class Row:
    """One variant. `injected` says what was done to which part; `recovery` is in seconds."""

    variant: str
    injected: str
    jobs: int
    lost: int
    doubled: int
    uncertain: int
    recovery: float | None
    measure: str = ""
    """By what else than the promised time the recovery was judged, or why not."""
    violations: list[str] = field(default_factory=list)
    control: Control | None = None
    control_note: str = ""
    """Where plain Celery has no such moment, or was not tried: why."""
    note: str = ""
    """What else was measured: a p99, a count of bells."""

    @property
    def has_passed(self) -> bool:
        return not self.violations

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"has_passed": self.has_passed}


def row(variant: str, injected: str, verdict: Verdict, **more: Any) -> Row:
    """The row for a verdict."""
    return Row(
        variant, injected, verdict.jobs, verdict.lost, verdict.doubled, verdict.uncertain,
        verdict.recovery, verdict.measure, list(verdict.violations), **more,
    )  # fmt: skip


def expect(given: Row, fact: bool, what: str) -> Row:
    """One more thing that must hold for this case: if it does not, the row says so and fails."""
    if not fact:
        given.violations.append(what)
    return given


def not_built(size: Size) -> Iterator[Row]:
    """The run of a case whose part of the product does not exist yet."""
    yield from ()


@dataclass(frozen=True)
class Case:
    """A numbered case. `run` yields its rows as they come; `not_built` says what part of it still waits."""

    number: int
    title: str
    passes_when: str
    run: Callable[[Size], Iterator[Row]]
    has_quick: bool = True
    not_built: str = ""
