"""The dead: a main looks for itself whether a child of its pool died, and has it replaced at once.

The pool is told by a pipe that closes when the child dies; where a sibling or a program holds a copy of it
nothing closes, and the pool sees the death only when it looks by itself, every 5 s. So long the child's slot
stood empty and its jobs waited for a lease to run out, with nobody to say where they hung.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any


class DeadChildren:
    """One main's look at its pool; `pool` is billiard's, `hub` the event loop that owns it."""

    def __init__(self, pool: Any, hub: Any) -> None:
        self.pool = pool
        self.hub = hub

    def look(self) -> None:
        """Every second or so, from the timers: the pool itself is only touched in its own loop."""
        if any_dead(child.pid for child in list(self.pool._pool)):
            self.hub.call_soon(self.pool.maintain_pool)


def any_dead(pids: Iterable[int]) -> bool:
    """Whether one of our children has ended and was not collected yet; collects nothing."""
    look: Callable[..., Any] | None = getattr(os, "waitid", None)
    if look is None:  # macOS before Python 3.13: the pool's own 5 s it is
        return False
    for pid in pids:
        try:
            if look(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return True
        except ChildProcessError:
            continue
    return False
