"""S6: whether a full table slows Millrace down: S1, S2 and claims, with few and with millions waiting."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable

import psycopg

from bench.app.claim import EXPLAINED
from bench.deep import LINES, DeepTable, Surroundings, surround
from bench.drains import time_counter
from bench.lab import Lab
from bench.measure import Bar, Found, Line, at_least, at_most, rounded, spread
from bench.measures.latency import at
from bench.progress import Progress
from bench.running import running
from bench.wishes import Wishes

MEASURES = ("S6",)
DEPTHS, QUICK_DEPTHS = (1_000, 100_000, 5_000_000), (200, 2_000)
AROUND, QUICK_AROUND = Surroundings(5_000_000, 50_000, 200_000), Surroundings(2_000, 500, 500)
DRAINED, QUICK_DRAINED = {"bench.one": 4_000, "bench.many": 30_000}, {"bench.one": 300, "bench.many": 1_000}
CLAIMS, QUICK_CLAIMS = 500, 50
TEMPLATE = "surroundings"
ASKED: dict[str, tuple[str, str, Bar]] = {
    "S1": ("S6 S1", "jobs/s", at_least(0.75)),
    "S2": ("S6 S2", "jobs/s", at_least(0.75)),
    "claim": ("S6 claim p99", "ms", at_most(1.25)),
    "buffers": ("S6 buffers per claim", "blocks", at_most(1.2)),
}


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """The tables are made once; every depth has its turn in every round."""
    depths = QUICK_DEPTHS if wishes.is_quick else DEPTHS
    tables = [DeepTable(lab, depth) for depth in depths]
    values: dict[str, list[float]] = {f"{name} {depth}": [] for name in ASKED for depth in depths}
    progress = Progress("S6", 1 + len(depths) + 3 * len(depths) * wishes.rounds)
    make(lab, tables, QUICK_AROUND if wishes.is_quick else AROUND, progress)
    for _ in range(wishes.rounds):
        for table in tables:
            for name, value in measure(lab, table, progress, is_quick=wishes.is_quick).items():
                values[f"{name} {table.waiting}"].append(value)
    lab.sql(*(f"DROP DATABASE {table.name} WITH (FORCE)" for table in tables))
    lines = [line(name, depths, values, wishes.rounds) for name in ASKED]
    return [
        Found(measure="S6", lines=lines, values=values, rounds=wishes.rounds, more={"depths": list(depths)})
    ]


def make(lab: Lab, tables: list[DeepTable], around: Surroundings, progress: Progress) -> None:
    """First what surrounds the lines, then a copy of it for every depth."""
    lab.empty()
    with progress.step("finished, blocked, not due"):
        surround(lab, TEMPLATE, around, progress.say)
    for table in tables:
        with progress.step(f"{table.waiting:,} waiting"):
            table.make(lab, TEMPLATE, progress.say)
    lab.sql(f"DROP DATABASE {TEMPLATE}")


def measure(lab: Lab, table: DeepTable, progress: Progress, *, is_quick: bool) -> dict[str, float]:
    """One round at one depth."""
    drained = QUICK_DRAINED if is_quick else DRAINED
    found: dict[str, float] = {}
    for name, kind in (("S1", "bench.one"), ("S2", "bench.many")):
        with progress.step(f"{name} at {table.waiting:,}") as told:
            found[name] = drain_some(lab, table, kind, drained[kind], progress.say)
            told.append(f"{found[name]:,.0f} jobs/s")
    with progress.step(f"claims at {table.waiting:,}") as told:
        count = QUICK_CLAIMS if is_quick else CLAIMS
        with psycopg.connect(table.url, autocommit=True) as connection:
            table.top_up(connection, "bench.one", count + EXPLAINED, progress.say)
            table.tidy(connection)
        answer = json.loads(lab.run_own("-m", "bench.app.claim", str(count), DATABASE_URL=table.url))
        found["claim"], found["buffers"] = at(answer["ms"], 99), statistics.median(answer["buffers"])
        told.append(f"p99 {found['claim']:.2f} ms, {found['buffers']:.0f} blocks")
    return found


def drain_some(lab: Lab, table: DeepTable, kind: str, jobs: int, say: Callable[[str], None]) -> float:
    """Jobs per second of the first so many in line; as many stand behind them as the depth says."""
    lab.redis.flushall()
    with psycopg.connect(table.url, autocommit=True) as connection:
        table.top_up(connection, kind, jobs, say)
        table.tidy(connection)
    with running(lab.worker(queue=LINES[kind], DATABASE_URL=table.url)):
        return time_counter(lab, jobs, kind).rate


def line(name: str, depths: tuple[int, ...], values: dict[str, list[float]], rounds: int) -> Line:
    """The worst depth beside the smallest."""
    title, unit, bar = ASKED[name]
    medians = {depth: statistics.median(values[f"{name} {depth}"]) for depth in depths}
    worst = (min if bar.is_least else max)(depths, key=medians.__getitem__)
    smallest = medians[depths[0]]
    ratio = rounded(medians[worst] / smallest)
    return Line(
        measure=title, value=rounded(medians[worst]), unit=unit, peer=f"{depths[0]:,} waiting",
        peer_value=rounded(smallest), ratio=ratio, spread=spread(values[f"{name} {worst}"]), rounds=rounds,
        bar=str(bar), is_met=bar.is_met(ratio), note=f"at {worst:,} waiting",
    )  # fmt: skip
