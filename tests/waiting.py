"""Wait for a fact, never for a time."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.02


def eventually(check: Callable[[], T], timeout: float = 10, what: str = "") -> T:
    """The first truthy answer of `check`; AssertionError, saying `what` did not happen, once `timeout` s
    are over.

    An AssertionError inside `check` counts as "not yet", and the last one is shown.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            last = check()
        except AssertionError as error:
            last = error
        else:
            if last:
                return last
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {timeout:g} s: {what or check}. The last answer was {last!r}.")
        threading.Event().wait(POLL_SECONDS)


async def until(fact: Callable[[], object], timeout: float = 10) -> None:
    """Let the event loop turn until `fact` is true; TimeoutError once `timeout` s are over."""
    never = asyncio.Event()
    async with asyncio.timeout(timeout):
        while not fact():
            with suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), POLL_SECONDS)
