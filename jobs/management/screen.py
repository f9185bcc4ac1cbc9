"""How far something is: a bar with the time left on a terminal, elsewhere a line when there is news."""

from __future__ import annotations

import time
from typing import TextIO

BAR = 28
CLEAR = "\r\x1b[K"


class Screen:
    """A bar that is drawn over on a terminal; elsewhere a line when there is something new to say."""

    def __init__(self, to: TextIO) -> None:
        self.to = to
        self.is_terminal = to.isatty()
        self._last = ""
        self._first: tuple[float, float] | None = None

    def show(self, text: str, fraction: float | None) -> None:
        """Say how it stands."""
        if not self.is_terminal:
            if text != self._last:
                self.to.write(text + "\n")
                self.to.flush()
            self._last = text
            return
        bar = "" if fraction is None else f"[{'█' * round(fraction * BAR):<{BAR}}] {fraction:4.0%} "
        self.to.write(f"{CLEAR}{bar}{text}{self.time_left(fraction)}")
        self.to.flush()

    def say(self, text: str) -> None:
        """A line that stays, above the bar."""
        self.to.write(f"{CLEAR if self.is_terminal else ''}{text}\n")
        self.to.flush()

    def time_left(self, fraction: float | None) -> str:
        """A guess from how fast it went since the first look; none before there is something to go by."""
        if fraction is None:
            self._first = None
            return ""
        now = time.monotonic()
        if self._first is None or fraction < self._first[1]:
            self._first = (now, fraction)
        began, first = self._first
        if fraction <= first or now - began < 1:
            return ""
        seconds = (now - began) / (fraction - first) * (1 - fraction)
        return f", about {seconds:.0f} s left" if seconds < 120 else f", about {seconds / 60:.0f} min left"

    def close(self) -> None:
        """Leave the line clean."""
        if self.is_terminal:
            self.to.write(CLEAR)
            self.to.flush()
