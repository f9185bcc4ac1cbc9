"""A few bytes that a worker's main process shares with its children: made before the fork, read by all.

The main writes, the children read; a single byte needs no lock.
"""

from __future__ import annotations

import mmap
from enum import IntEnum


class Drain(IntEnum):
    """What the worker is asked to do about the jobs its children hold."""

    NONE = 0
    FINISH = 1
    """TERM: claim nothing more, finish what runs, hand back what has not started."""
    RELEASE = 2
    """QUIT: hand back what runs as well."""


class SharedFlags:
    """Drain, and whether somebody listens to Celery's task events."""

    def __init__(self) -> None:
        self._bytes = mmap.mmap(-1, 2)

    @property
    def drain(self) -> Drain:
        return Drain(self._bytes[0])

    @drain.setter
    def drain(self, value: Drain) -> None:
        self._bytes[0] = value

    @property
    def has_events(self) -> bool:
        return bool(self._bytes[1])

    @has_events.setter
    def has_events(self, value: bool) -> None:
        self._bytes[1] = value


FLAGS = SharedFlags()
