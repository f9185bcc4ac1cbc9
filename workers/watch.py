"""The watch: a thread in each child that looks at the clock and interrupts the kind that runs.

It asks no database, so that a blocked one delays neither the soft limit nor a cancellation that is known.
An interruption names the run it is meant for: one that comes late never hits the next job.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

import structlog

from workers.context import Context
from workers.limits import Limits, Why
from workers.shared import FLAGS, Drain

log = structlog.get_logger(__name__)

REPEAT_SECONDS = 1.0
"""How often an interruption is repeated while the kind's code does not obey."""
TICK_SECONDS = 0.1
"""How often the watch looks while a job runs."""


class Run(NamedTuple):
    """What runs now: `soft_at` is when it must stop (monotonic seconds)."""

    number: int
    context: Context
    soft_at: float


class Watch:
    """The clock of one child."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._run: Run | None = None
        self._is_busy = threading.Event()
        self._interrupt_at = 0.0

    def start(self) -> None:
        """After the fork."""
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def begin(self, number: int, context: Context, *, soft_seconds: float) -> None:
        """From now on this run's time counts."""
        self._interrupt_at = 0.0
        self._run = Run(number, context, time.monotonic() + soft_seconds)
        if not self._is_busy.is_set():
            self._is_busy.set()

    def end(self) -> None:
        """The run is over. The watch goes on looking for a moment: the next run is near, as a rule."""
        self._run = None

    def _watch(self) -> None:
        while True:
            self._is_busy.wait()
            run = self._run
            if run is not None:
                self.look(run, time.monotonic())
            else:
                self._is_busy.clear()
                if self._run is not None:  # it began between the two lines above
                    self._is_busy.set()
            threading.Event().wait(TICK_SECONDS)

    def look(self, run: Run, now: float) -> None:
        """Interrupt the run if there is a reason to."""
        if now >= run.soft_at:
            self._interrupt(run, Why.TIMEOUT, now)
        elif FLAGS.drain is Drain.RELEASE:
            self._interrupt(run, Why.RELEASE, now)
        elif now >= run.context.cancelled_at + REPEAT_SECONDS:
            self._interrupt(run, Why.CANCEL, now)

    def _interrupt(self, run: Run, why: Why, now: float) -> None:
        if now >= self._interrupt_at:
            self._interrupt_at = now + REPEAT_SECONDS
            self.limits.interrupt(run.number, why)
