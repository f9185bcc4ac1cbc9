"""E4: what a worker holds during one campaign to a million: its main and its processes, each second."""

from __future__ import annotations

import time
from typing import NamedTuple

from bench.lab import Lab
from bench.mailings import check_ledger, hand_in, settings_for
from bench.measure import Found, alone, at_most
from bench.postbox import Postbox
from bench.processes import family, memory
from bench.progress import Progress
from bench.running import running, wait_until
from bench.wishes import Wishes

MEASURES = ("E4",)
BAR = at_most(150, "MB")
RECIPIENTS, QUICK_RECIPIENTS = 1_000_000, 2_000
SECONDS, QUICK_SECONDS = 1.0, 0.2
PATIENCE_SECONDS = 3_600
KEPT = 200
"""So many points of the curve."""


class Point(NamedTuple):
    """One look: mails sent so far, and megabytes (PSS) of the largest process, of the main, of all."""

    sent: int
    largest: float
    main: float
    whole: float


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """One campaign, so one process sends; the other waits beside it."""
    count = QUICK_RECIPIENTS if wishes.is_quick else RECIPIENTS
    progress = Progress("E4", 2)
    lab.empty()
    with progress.step(f"{count:,} recipients accepted"):
        hand_in(lab, count, number=1)
    box = Postbox(lab.logs, lab.folder)
    worker = lab.worker(**settings_for(lab, box))
    with running(box, worker), progress.step(f"{count:,} mails") as told:
        wait_until(worker.is_ready, f"{worker.name} listens (see {worker.log})")
        curve = watch(
            lab, box, worker.pid or 0, count,
            seconds=QUICK_SECONDS if wishes.is_quick else SECONDS, progress=progress,
        )  # fmt: skip
        largest = max(point.largest for point in curve)
        told.append(f"at most {largest:.1f} MB")
    box.check(count)
    check_ledger(lab, count)
    values = {
        "largest": [largest],
        "main": [max(point.main for point in curve)],
        "whole": [max(point.whole for point in curve)],
    }
    more = {"recipients": count, "looks": len(curve), "curve": [list(point) for point in thinned(curve)]}
    return [
        Found(measure="E4", lines=[alone("E4", [largest], "MB", BAR)], values=values, rounds=1, more=more)
    ]


def watch(lab: Lab, box: Postbox, pid: int, count: int, *, seconds: float, progress: Progress) -> list[Point]:
    """A look each moment, until everybody has a mail and that is recorded."""
    curve: list[Point] = []
    until = time.monotonic() + PATIENCE_SECONDS
    while not (box.number >= count and lab.is_settled()):
        if time.monotonic() > until:
            raise SystemExit(
                f"{box.number:,} of {count:,} mails came in {PATIENCE_SECONDS} s; see {lab.logs}"
            )
        curve.append(look(box.number, pid))
        progress.say(f"{curve[-1].sent:,} mails, {curve[-1].largest:.1f} MB")
        time.sleep(seconds)
    return [*curve, look(box.number, pid)]


def look(sent: int, pid: int) -> Point:
    """At all processes of a worker, of which the first is its main."""
    main, *others = (memory(one).pss for one in family(pid))
    return Point(sent, round(max(others, default=0.0), 2), round(main, 2), round(main + sum(others), 2))


def thinned(curve: list[Point]) -> list[Point]:
    """As many as a picture shows, first and last among them."""
    step = max(1, -(-len(curve) // KEPT))
    return [*curve[:-1:step], curve[-1]]
