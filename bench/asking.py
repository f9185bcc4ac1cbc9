"""Ask for one job after another of an idle system, and measure how long each takes to start.

Both ends read CLOCK_MONOTONIC, which all processes of a machine share. Runs in Millrace's environment and in
the peers'.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

STARTS = "starts"
WARM_UP = 20
PATIENCE_SECONDS = 30
REST_SECONDS = (0.04, 0.08)
"""How long the system is idle before the next asking: more than the 20 ms between two bells for one queue."""


def report(client: Any, number: int) -> None:
    """The job's side: the first thing it does is to look at the clock."""
    now = time.monotonic_ns()
    client.rpush(STARTS, f"{number} {now}")


def ask_repeatedly(ask: Callable[[int], object], client: Any, count: int) -> None:
    """Ask, wait until the job has told when it started, rest; the milliseconds go to standard output."""
    taken = [time_one(ask, client, number) for number in range(WARM_UP + count)]
    print(json.dumps(taken[WARM_UP:]))


def time_one(ask: Callable[[int], object], client: Any, number: int) -> float:
    """Milliseconds from before the call that asks to the first line of the job."""
    threading.Event().wait(random.uniform(*REST_SECONDS))  # noqa: S311
    asked = time.monotonic_ns()
    ask(number)
    answer = client.blpop([STARTS], timeout=PATIENCE_SECONDS)
    if answer is None:
        raise SystemExit(f"Job {number} did not start within {PATIENCE_SECONDS} s.")
    told, started = answer[1].split()
    assert int(told) == number, "jobs are asked for one at a time"
    return (int(started) - asked) / 1e6
