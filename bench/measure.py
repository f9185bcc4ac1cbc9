"""What a measure finds: its lines, as they are printed, and the values behind them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Bar:
    """What must be reached: at least, or at most."""

    limit: float
    is_least: bool
    unit: str = "×"

    def is_met(self, value: float) -> bool:
        """Whether this value is good enough."""
        return value >= self.limit if self.is_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.limit:,g} {self.unit}".strip()


def at_least(limit: float, unit: str = "×") -> Bar:
    """More is better."""
    return Bar(limit, is_least=True, unit=unit)


def at_most(limit: float, unit: str = "×") -> Bar:
    """Less is better."""
    return Bar(limit, is_least=False, unit=unit)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of JSON. A ratio is value / peer_value; the bar holds for it, or else for the value."""

    measure: str
    value: float | None
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    rounds: int
    bar: str | None = None
    is_met: bool | None = None
    note: str | None = None

    def as_json(self) -> str:
        """As it is printed."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "note" or value})


@dataclass(kw_only=True)
class Found:
    """All that one measure has to say. `values` are the arms' figures, round by round."""

    measure: str
    lines: list[Line]
    values: dict[str, list[float]]
    rounds: int
    more: dict[str, Any] = field(default_factory=dict)


def alone(measure: str, values: Sequence[float], unit: str, bar: Bar | None = None) -> Line:
    """A line about Millrace alone."""
    value = median(values)
    return Line(
        measure=measure, value=value, unit=unit, spread=spread(values), rounds=len(values),
        bar=str(bar) if bar else None, is_met=bar.is_met(value) if bar else None,
    )  # fmt: skip


def beside(
    measure: str, values: Sequence[float], unit: str, peer: str, peer_values: Sequence[float], bar: Bar | None
) -> Line:
    """A line about Millrace beside another arm of the same rounds."""
    value, other = median(values), median(peer_values)
    ratio = rounded(statistics.median(values) / statistics.median(peer_values))
    return Line(
        measure=measure, value=value, unit=unit, peer=peer, peer_value=other, ratio=ratio,
        spread=spread(values), rounds=len(values), bar=str(bar) if bar else None,
        is_met=bar.is_met(ratio) if bar else None,
    )  # fmt: skip


def median(values: Sequence[float]) -> float:
    """Of all rounds."""
    return rounded(statistics.median(values))


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The least and the most of all rounds."""
    return rounded(min(values)), rounded(max(values))


def rounded(value: float) -> float:
    """To four digits, which is more than a benchmark knows."""
    return float(f"{value:.4g}") if abs(value) < 10_000 else float(round(value))
