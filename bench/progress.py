"""How far the benchmark is, and how long it will still take: on standard error, for the person who waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Steps that repeat in every round; what a step took once is expected of it again."""

    def __init__(self, measure: str, steps: int) -> None:
        self.measure = measure
        self.left = steps
        self.steps = steps
        self.taken: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """One step; what is put into the list is told when it ends."""
        began = time.monotonic()
        told: list[str] = []
        yield told
        self.taken[name] = time.monotonic() - began
        self.left -= 1
        self._say(name, " ".join(told))

    def say(self, told: str) -> None:
        """How a long step is getting on; only a person at a terminal reads it."""
        if sys.stderr.isatty():
            print(f"\r\033[K  {self.measure:<6}          {told}\r", end="", file=sys.stderr, flush=True)

    def _say(self, name: str, told: str) -> None:
        left = self.left * sum(self.taken.values()) / len(self.taken)
        place = f"{self.steps - self.left}/{self.steps}"
        time_left = f"{left // 60:.0f}:{left % 60:02.0f} left" if self.left else "done"
        line = f"  {self.measure:<6} {place:>7}  {name:<32} {told:<34} {time_left}"
        print(f"\r\033[K{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)
