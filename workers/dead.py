"""The dead: a main looks for itself whether a child of its pool died, and has it replaced at once.

The pool is told by a pipe that closes when the child dies; where a sibling or a program holds a copy of it
nothing closes, and the pool sees the death only when it looks by itself, every 5 s. So long the child's slot
stood empty and its jobs waited for a lease to run out, with nobody to say where they hung.

A fork may fail for a while: no memory, no process number, no descriptor is left. Celery takes that for a lost
connection to the broker, or ends the worker with the children that are well. Here the slot stays empty until
the pool looks again, and what billiard had prepared for the child is given back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class DeadChildren:
    """One main's look at its pool; `pool` is billiard's, `hub` the event loop that owns it."""

    def __init__(self, pool: Any, hub: Any) -> None:
        self.pool = pool
        self.hub = hub
        self._fork, pool._create_worker_process = pool._create_worker_process, self.fork
        self._maintain, pool.maintain_pool = pool.maintain_pool, self.maintain

    def look(self) -> None:
        """Every second or so, from the timers: the pool itself is only touched in its own loop."""
        if any_dead(child.pid for child in list(self.pool._pool)):
            self.hub.call_soon(self.maintain)

    def maintain(self) -> None:
        """In place of the pool's own, which is called also when a pipe closed."""
        try:
            self._maintain()
        except OSError as error:
            log.exception("child_not_replaced", error=str(error))

    def fork(self, slot: int) -> None:
        """In place of the pool's own, which leaves a child that was never born among the living."""
        try:
            self.pool.on_grow(0)  # in case it could not replace queues that broke with a child
            self._fork(slot)
        except OSError as error:
            log.error("child_not_replaced", slot=slot, error=str(error))
            for child in [child for child in self.pool._pool if child.pid is None]:
                self.pool._pool.remove(child)
                self.pool._process_cleanup_queues(child)


class Life(Enum):
    """What can be said about a child of ours."""

    LIVES = "lives"
    ENDED = "ended"
    """It is dead, and nobody collected it yet."""
    COLLECTED = "collected"


def any_dead(pids: Iterable[int | None]) -> bool:
    """Whether one of our children has ended and was not collected yet."""
    return any(look_at(pid) is Life.ENDED for pid in pids)


def look_at(pid: int | None) -> Life:
    """Whether a child lives; collects nothing.

    One without a number is about to be born: the pool lists it before it forks.
    """
    look: Callable[..., Any] | None = getattr(os, "waitid", None)
    if look is None or pid is None:  # macOS before Python 3.13: the pool's own 5 s it is
        return Life.LIVES
    try:
        has_ended = look(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return Life.COLLECTED
    return Life.ENDED if has_ended else Life.LIVES
