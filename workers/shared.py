"""A few bytes that a worker's main process shares with its children: made before the fork, read by all.

Drain and events: the main writes, the children read. Hearing: the children write, the main reads. Each place
is one byte or one aligned number written by nobody else at the time, so none needs a lock.
"""

from __future__ import annotations

import mmap
import struct
import time
import zlib
from enum import IntEnum
from uuid import uuid4

SLOTS = 512
"""More children than one main has; what is above shares the last place."""
PLACES = 65_536
"""Where bells of a queue are noted. Of queues that share a place a busy one would hide that another is deaf,
so there are many; memory is taken only by those that are written."""
FOR_EVER = float("inf")
WORKER = uuid4()
"""This worker's id: its main announces it, and its children's holders begin with it."""
NUMBER = struct.Struct("d")


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


class Hearing:
    """What the children heard, and until when each may be busy (monotonic seconds, the same in all of them).

    A child that is frozen, or stuck beyond every limit, does not count as busy.
    """

    def __init__(self) -> None:
        self._bytes = mmap.mmap(-1, (1 + SLOTS + PLACES) * NUMBER.size)
        self.slot = 0
        """This child's own; set after the fork."""

    @property
    def heard_at(self) -> float:
        """When any child last began a task; 0 = never."""
        return self._read(0)

    def heard_from(self, queue: str) -> float:
        """When a child last heard a bell of this queue; 0 = never."""
        return self._read(1 + SLOTS + place_of(queue))

    def idle(self, slots: int) -> int:
        """How many of so many children are free to act."""
        now = time.monotonic()
        return sum(self._read(1 + slot) < now for slot in range(min(slots, SLOTS)))

    def note(self) -> None:
        """This child took something from the broker."""
        self._write(0, time.monotonic())

    def hear(self, queue: str) -> None:
        """The task is a bell of this queue."""
        self._write(1 + SLOTS + place_of(queue), time.monotonic())

    def busy(self, seconds: float) -> None:
        """From now on this child may be busy for so long."""
        self._write(1 + min(self.slot, SLOTS - 1), time.monotonic() + seconds)

    def end(self) -> None:
        """This child is free."""
        self._write(1 + min(self.slot, SLOTS - 1), 0.0)

    def _read(self, place: int) -> float:
        value: float = NUMBER.unpack_from(self._bytes, place * NUMBER.size)[0]
        return value

    def _write(self, place: int, value: float) -> None:
        NUMBER.pack_into(self._bytes, place * NUMBER.size, value)


def place_of(queue: str) -> int:
    """The same in every process."""
    return zlib.crc32(queue.encode()) % PLACES


FLAGS = SharedFlags()
HEARING = Hearing()
