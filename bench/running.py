"""Processes that run while something is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.embedded.child import Child

READY_SECONDS = 60
POLL_SECONDS = 0.02


@contextmanager
def running(*programs: Child) -> Iterator[None]:
    """These, while the block lasts."""
    try:
        for program in programs:
            program.spawn()
        yield
    finally:
        for program in programs:
            program.stop()


def wait_until(is_so: Callable[[], bool], what: str, *, seconds: float = READY_SECONDS) -> None:
    """Look every moment; ends the benchmark with a sentence if it does not come to pass."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"The benchmark waited {seconds:g} s in vain until {what}.")
        time.sleep(POLL_SECONDS)
