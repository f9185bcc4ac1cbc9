"""S7: what it costs that every job explains itself, and that lines are fair: S1 with and without parts of it.

The price is the share of the bare speed that is lost; beside it stands what the processors do more for a
job, which a shared machine's moods change less. Most parts are left out by the benchmark; a limit and a
Flower that listens are added, because a fresh install has no limited kind and Flower is a program of its own.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

from bench.drains import Arm, drain, millrace
from bench.lab import Lab
from bench.measure import Bar, Found, Line, at_most, median, rounded, spread
from bench.meter import Pace, typical
from bench.progress import Progress
from bench.wishes import Wishes

MEASURES = ("S7",)
BAR = at_most(25, "%")


WRITTEN_SO = (
    "CREATE TABLE aside AS SELECT * FROM millrace_job",
    "UPDATE aside SET turn = 0",
    "TRUNCATE millrace_job CASCADE",
    "INSERT INTO millrace_job SELECT * FROM aside ORDER BY seq",
    "DROP TABLE aside",
)
"""As if they had never had a turn: rows changed in place leave dead ones, and a VACUUM FULL packs the indexes
until every claim splits a page; both cost more than fairness."""


def arm(name: str, *, without: str = "", has_events: bool = True, kind: str = "bench.one") -> Arm:
    """Jobs one at a time, on a worker that lacks something."""
    return millrace(name, kind, share=1.0, without=without, has_events=has_events)


def unfair(arm: Arm) -> Arm:
    """The same in the order of arrival: nobody has a turn."""

    def fill(lab: Lab, jobs: int) -> None:
        arm.fill(lab, jobs)
        lab.sql(*WRITTEN_SO)

    return replace(arm, fill=fill)


def watched(arm: Arm) -> Arm:
    """The same while Flower listens."""
    return replace(arm, beside=lambda lab: [lab.flower()])


ALL = arm("all")
LACKING = (
    arm("events", has_events=False),
    arm("logs", without="logs"),
    arm("metrics", without="metrics"),
    unfair(arm("fairness")),
    unfair(arm("together", without="logs,metrics", has_events=False)),
)
"""Each is called after what it lacks."""
ADDED = (arm("limit", kind="bench.limited"), watched(arm("flower")))
"""Each is called after what it has besides."""


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """All of them in every round."""
    arms = {"all": ALL, **{f"without {a.name}": a for a in LACKING}, **{f"with {a.name}": a for a in ADDED}}
    drained: dict[str, list[Pace]] = {arm.name: [] for arm in arms.values()}
    progress = Progress("S7", wishes.rounds * len(arms))
    for _ in range(wishes.rounds):
        for title, arm in arms.items():
            with progress.step(title) as told:
                one = drain(lab, arm, wishes.jobs)
                drained[arm.name].append(one)
                told.append(f"{one.rate:,.0f} jobs/s, {sum(one.costs.values()):.0f} µs of CPU each")
    rates = {name: [one.rate for one in some] for name, some in drained.items()}
    costs = {name: typical([one.costs for one in some]) for name, some in drained.items()}
    more = {"jobs": wishes.jobs, "cpu": costs}
    lines = [line(arm.name, rates[arm.name], rates["all"]) for arm in LACKING]
    lines += [line(arm.name, rates["all"], rates[arm.name]) for arm in ADDED]
    return [Found(measure="S7", lines=lines, values=rates, rounds=wishes.rounds, more=more)]


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
