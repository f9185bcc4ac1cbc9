"""The fork gate: the main process forks a replacement child only while no thread of ours is in mid-step.

A thread that holds a library's lock at the moment of a fork leaves it locked in the child for ever. So every
step of the main's own threads runs inside `FORK_GATE`, and a fork waits for it, at most a few seconds.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType

PATIENCE_SECONDS = 5.0


class ForkGate:
    """A lock that a fork takes too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_forking = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        self._is_forking = self._lock.acquire(timeout=PATIENCE_SECONDS)

    def after_in_parent(self) -> None:
        if self._is_forking:
            self._is_forking = False
            self._lock.release()

    def after_in_child(self) -> None:
        self._lock = threading.Lock()
        self._is_forking = False


FORK_GATE = ForkGate()
os.register_at_fork(
    before=FORK_GATE.before_fork,
    after_in_parent=FORK_GATE.after_in_parent,
    after_in_child=FORK_GATE.after_in_child,
)
