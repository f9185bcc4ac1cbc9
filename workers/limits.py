"""Limits of time: the soft one interrupts a kind's code, the hard one ends its process.

Soft limit, forced cancel and release arrive as SIGUSR2, sent by the watch thread, and raise `Interrupted`
in the main thread, but only while a kind's own code runs (`armed`): no lifecycle verb is ever interrupted.
`Interrupted` is a KeyboardInterrupt, so that psycopg cancels a query cleanly and `except Exception` of a kind
does not swallow it. The hard limit is SIGALRM by setitimer, with faulthandler's handler (workers/record.py):
it needs no GIL, so it also ends a busy loop in C.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from enum import StrEnum
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Why(StrEnum):
    """Why a kind's code is interrupted."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    RELEASE = "release"


class Interrupted(KeyboardInterrupt):
    """A kind's code is to stop, now."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class Limits:
    """The one guard of a worker child's main thread. Runs are numbered, so that none is hit for another."""

    def __init__(self) -> None:
        self.number = 0
        self.is_armed = False
        self._asked: tuple[int, Why] | None = None
        self._thread = threading.main_thread().ident or 0

    def install(self) -> None:
        """In the child's main thread, once."""
        self._thread = threading.get_ident()
        signal.signal(signal.SIGUSR2, self._interrupt)

    def next_run(self) -> int:
        """The number of the run that begins; interruptions meant for earlier ones are void from now on."""
        self.number += 1
        return self.number

    def interrupt(self, number: int, why: Why) -> None:
        """From the watch thread: stop the kind's code, if that run is what runs."""
        if self.is_armed and number == self.number:
            self._asked = (number, why)
            signal.pthread_kill(self._thread, signal.SIGUSR2)

    def run(self, call: Callable[[], T], *, hard_seconds: float) -> T:
        """Call a kind's code under the limits; raises Interrupted if it was stopped."""
        signal.setitimer(signal.ITIMER_REAL, hard_seconds)
        try:
            try:
                self.is_armed = True
                return call()
            finally:
                self.is_armed = False
        except Interrupted:
            # A signal that came between the two lines of `finally` left the flag up.
            self.is_armed = False
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        asked = self._asked
        if self.is_armed and asked is not None and asked[0] == self.number:
            raise Interrupted(asked[1])
