"""S7: what it costs that every job explains itself: S1 with parts of Millrace left out, beside all of it.

The price is the share of the bare speed that is lost. Limits and fairness get their arms here (and in
bench/app/without.py) once they exist.
"""

from __future__ import annotations

import statistics

from bench.drains import Arm, drain, millrace
from bench.lab import Lab
from bench.measure import Bar, Found, Line, at_most, median, rounded, spread
from bench.progress import Progress
from bench.wishes import Wishes

MEASURES = ("S7",)
BAR = at_most(25, "%")


def arm(name: str, *, without: str = "", has_events: bool = True) -> Arm:
    """Jobs one at a time, on a worker that lacks something."""
    return millrace(name, "bench.one", share=1.0, without=without, has_events=has_events)


ARMS = (
    arm("all"),
    arm("events", has_events=False),
    arm("logs", without="logs"),
    arm("metrics", without="metrics"),
    arm("together", without="logs,metrics", has_events=False),
)
"""`all` lacks nothing; each other is called after what it lacks."""


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """All of them in every round."""
    rates: dict[str, list[float]] = {arm.name: [] for arm in ARMS}
    progress = Progress("S7", wishes.rounds * len(ARMS))
    for _ in range(wishes.rounds):
        for arm in ARMS:
            with progress.step(arm.name if arm.name == "all" else f"without {arm.name}") as told:
                rates[arm.name].append(drain(lab, arm, wishes.jobs))
                told.append(f"{rates[arm.name][-1]:,.0f} jobs/s")
    lines = [line(arm.name, rates[arm.name], rates["all"]) for arm in ARMS[1:]]
    return [Found(measure="S7", lines=lines, values=rates, rounds=wishes.rounds, more={"jobs": wishes.jobs})]


def line(name: str, without: list[float], whole: list[float]) -> Line:
    """What one part costs, in percent of the speed without it."""
    prices = [100 * (1 - slow / fast) for slow, fast in zip(whole, without, strict=True)]
    bar: Bar | None = BAR if name == "together" else None
    price = rounded(100 * (1 - statistics.median(whole) / statistics.median(without)))
    return Line(
        measure=f"S7 {name}", value=price, unit="%", peer=f"without {name}", peer_value=median(without),
        ratio=None, spread=spread(prices), rounds=len(whole), bar=str(bar) if bar else None,
        is_met=bar.is_met(price) if bar else None,
    )  # fmt: skip
