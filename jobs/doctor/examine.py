"""Examine: look at every area at once, each with a limit of time.

Two rounds: first whether database and broker answer at all, then all that stands on them. An area whose
ground is away is not looked at, so one dead server is one line and not ten. A look that takes too long is
left to its wait in a thread of its own, which ends with the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connections

from jobs.deadline import Pending, Unanswered
from jobs.doctor.finding import Area, Seen, unknown
from jobs.doctor.mask import mask

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Probe:
    """One area and how to look at it."""

    name: str
    title: str
    look: Callable[[], Seen]
    needs: str = ""
    """The area that must have answered first."""
    is_essential: bool = False
    """Whether doctor's word is worth little without it."""


def examine(probes: Sequence[Probe], *, seconds: float = ANSWER_SECONDS) -> list[Area]:
    """Every area, in the order of `probes`."""
    ground = look_at([probe for probe in probes if probe.is_essential], seconds)
    away = {area.name for area in ground if area.is_away}
    rest = [probe for probe in probes if not probe.is_essential and probe.needs not in away]
    found = {area.name: area for area in [*ground, *look_at(rest, seconds)]}
    return [found.get(probe.name) or not_looked(probe) for probe in probes]


def look_at(probes: Sequence[Probe], seconds: float) -> list[Area]:
    """All of them at once; as long as the slowest, and never longer than the limit."""
    begun = time.monotonic()
    asked = [(probe, Pending(f"doctor {probe.name}", timed(probe.look))) for probe in probes]
    return [judged(probe, pending, begun, seconds) for probe, pending in asked]


def timed(look: Callable[[], Seen]) -> Callable[[], tuple[Seen, float]]:
    """The look, with how long it took."""

    def run() -> tuple[Seen, float]:
        begun = time.monotonic()
        try:
            return look(), time.monotonic() - begun
        finally:
            connections.close_all()  # those that Django opened for this thread

    return run


def judged(probe: Probe, pending: Pending[tuple[Seen, float]], begun: float, seconds: float) -> Area:
    """What came of it in time."""
    try:
        seen, took = pending.result(max(begun + seconds - time.monotonic(), 0))
    except Unanswered:
        seen, took = silent(probe, seconds), seconds
    except Exception as error:  # noqa: BLE001 - whatever a client library raises, the other areas are looked at
        seen, took = failed(probe, error), time.monotonic() - begun
    return Area(probe.name, probe.title, seen, took, probe.is_essential)


def silent(probe: Probe, seconds: float) -> Seen:
    """It may be frozen, overloaded, or behind a firewall that drops."""
    return Seen(
        f"did not answer in {seconds:g} s",
        [
            unknown(
                f"{probe.name}.silent",
                f"{probe.title} did not answer in {seconds:g} s.",
                why="Frozen, overloaded or cut off: whoever needs it waits as long.",
                remedy="Look at its process, its log and the network between, then ask again.",
            )
        ],
    )


def failed(probe: Probe, error: Exception) -> Seen:
    """It was asked, and the asking failed."""
    told = mask(first_line(error))
    return Seen(
        "could not be looked at",
        [
            unknown(
                f"{probe.name}.error",
                told,
                why="What is wrong there is not in this list.",
                remedy="Mend what the message names, then ask again.",
            )
        ],
    )


def not_looked(probe: Probe) -> Area:
    """Its ground is away."""
    found = unknown(
        f"{probe.name}.skipped",
        f"Not looked at, because the {probe.needs} does not answer.",
        why="What is wrong there is not in this list.",
        remedy=f"Mend the {probe.needs} first.",
    )
    return Area(probe.name, probe.title, Seen(f"needs the {probe.needs}", [found]), 0.0, False)


def first_line(error: Exception) -> str:
    """What a person can use of it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
