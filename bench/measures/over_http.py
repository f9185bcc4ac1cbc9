"""S4: submit over HTTP. There is no HTTP API yet, so there is nothing to measure."""

from __future__ import annotations

from bench.lab import Lab
from bench.measure import Found, Line, at_least
from bench.wishes import Wishes

MEASURES = ("S4",)
BAR = at_least(0.7)


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """Says so."""
    line = Line(
        measure="S4", value=None, unit="submits/s", rounds=0, bar=str(BAR), note="waits for the API"
    )  # fmt: skip
    return [Found(measure="S4", lines=[line], values={}, rounds=0)]
