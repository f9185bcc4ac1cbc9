"""S5: an idle system is asked for one job: how long until its function starts, beside raw Celery."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from bench.lab import Lab
from bench.measure import Found, at_most, beside
from bench.peers import celery_raw
from bench.progress import Progress
from bench.running import running, wait_until
from bench.wishes import Wishes
from core.supervisor.programs import Program

MEASURES = ("S5",)
BAR = at_most(1.5)
ASKED, QUICK_ASKED = 300, 30
SETTLE_SECONDS = 2.0


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """One worker at a time, and nothing else; each round both in turn."""
    lab.prepare_peers()
    asked = str(QUICK_ASKED if wishes.is_quick else ASKED)
    arms: dict[str, Callable[[], list[float]]] = {
        "millrace": lambda: times(lab.worker(), lambda: lab.run_own("-m", "bench.app.ask", asked)),
        "celery_raw": lambda: times(
            lab.peer_workers(celery_raw.PEER)[0],
            lambda: lab.run_peer("-m", "bench.peers.ask", "celery_raw", asked),
        ),
    }
    taken: dict[str, list[list[float]]] = {name: [] for name in arms}
    progress = Progress("S5", wishes.rounds * len(arms))
    for _ in range(wishes.rounds):
        for name, arm in arms.items():
            with progress.step(name) as told:
                lab.empty()
                taken[name].append(arm())
                told.append(f"p50 {at(taken[name][-1], 50):.2f} ms, p99 {at(taken[name][-1], 99):.2f} ms")
    return [found(taken, wishes.rounds, int(asked))]


def times(worker: Program, ask: Callable[[], str]) -> list[float]:
    """Milliseconds of every asking, once the worker has come to rest."""
    with running(worker):
        wait_until(worker.is_ready, f"{worker.name} listens (see {worker.log})")
        time.sleep(SETTLE_SECONDS)
        answer: list[float] = json.loads(ask())
        return answer


def found(taken: dict[str, list[list[float]]], rounds: int, asked: int) -> Found:
    """The two lines, and each arm's whole distribution for the plot."""
    values = {
        f"{name} p{percent}": [at(one, percent) for one in each]
        for name, each in taken.items()
        for percent in (50, 99)
    }
    lines = [
        beside(f"S5 p{p}", values[f"millrace p{p}"], "ms", "celery_raw", values[f"celery_raw p{p}"], BAR)
        for p in (50, 99)
    ]
    shapes = {name: quantiles([ms for one in each for ms in one]) for name, each in taken.items()}
    more = {"asked": asked, "shape": shapes}
    return Found(measure="S5", lines=lines, values=values, rounds=rounds, more=more)


def at(taken: list[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return statistics.quantiles(taken, n=100, method="inclusive")[percent - 1]


def quantiles(taken: list[float]) -> list[float]:
    """Two hundred values that stand for all of them, in order."""
    ordered = sorted(taken)
    return [round(ordered[round(place * (len(ordered) - 1) / 199)], 3) for place in range(200)]
