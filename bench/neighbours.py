"""Neighbours: how much of the machine others took while we measured. Beside busy ones no figure is clean."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.processes import TICKS, cpu_seconds, family

IDLE = (3, 4)
"""Fields of /proc/stat's first line, counted after its name: idle, and waiting for a disk."""
GUESTS = 8
"""Time of guests is counted twice, from this field on."""


class Neighbours:
    """From now on, everybody who does not descend from this process."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy, self._ours = busy_seconds(), our_seconds()

    def percent(self) -> float:
        """Of all cores."""
        others = (busy_seconds() - self._busy) - (our_seconds() - self._ours)
        wall = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return round(max(0.0, 100 * others / wall), 1)


def busy_seconds() -> float:
    """What all processors did since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(field for place, field in enumerate(fields[:GUESTS]) if place not in IDLE) / TICKS


def our_seconds() -> float:
    """What this process and its descendants did, also those that have ended."""
    return sum(cpu_seconds(pid) for pid in family(os.getpid()))
