"""Case 6: Redis is frozen for a minute, and people go on submitting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from core.embedded.redis import Redis
from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import ROOT, Lab

SUBMITS = 50
FROZEN_SECONDS = 60.0
QUICK_SECONDS = 3.0
DELAY = "import sys; from tests.faults.control.app import work; work.delay(key='x', log=sys.argv[1])"
"""What a web process that uses plain Celery does in a request."""


def run(size: Size) -> Iterator[Row]:
    """SIGSTOP to Redis; the submits are spread over the time."""
    seconds = QUICK_SECONDS if size.is_quick else FROZEN_SECONDS
    submits = size.of(SUBMITS, 10)
    with Lab() as lab:
        worker = lab.worker()
        door = lab.door()
        onlooker = lab.onlooker()
        assert door.submit()[1] is Answer.OK
        lab.drain()
        with lab.lasting(), frozen(lab.redis) as begun, onlooker.hears("degraded"):
            for number in range(submits):
                Event().wait(max(0.0, begun + number * seconds / submits - time.monotonic()))
                key, _ = door.submit("test.once" if number % 2 else "test.ok")
                onlooker.watch(key)
            Event().wait(max(0.0, begun + seconds - time.monotonic()))
            lasted = time.monotonic() - begun
        verdict = lab.judge()
        answers = lab.account.counts()
        worker.stop()
        door.stop()
        found = row(
            "SIGSTOP", f"Redis frozen for {lasted:.0f} s during {submits} submits", verdict,
            control=None if size.is_quick else control(lab),
            note=f"p99 of a submit {lab.account.p99() * 1000:.0f} ms; {onlooker.said()}",
        )  # fmt: skip
        expect(found, lasted >= seconds, f"frozen for {lasted:.1f} s only")
        yield expect(found, set(answers) == {"ok"}, f"the door answered {answers}")


@contextmanager
def frozen(server: Redis) -> Iterator[float]:
    """It keeps its connections and says nothing; yields since when (monotonic seconds)."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def control(lab: Lab) -> Control:
    """One `delay()`; nobody waits for longer than the broker is frozen."""
    plant = Plant(lab)
    environment = {**os.environ, "CONTROL_BROKER": plant.url}
    for name in ("DJANGO_SETTINGS_MODULE", "BROKER_URL"):
        environment.pop(name, None)
    command = [sys.executable, "-c", DELAY, str(plant.effects.path)]
    with frozen(plant.redis) as begun:
        caller = subprocess.Popen(command, cwd=ROOT, env=environment)
        lab.closing(caller.kill)
        try:
            caller.wait(FROZEN_SECONDS)
            said = f"delay() returned after {time.monotonic() - begun:.0f} s"
        except subprocess.TimeoutExpired:
            said = f"delay() still hung after {time.monotonic() - begun:.0f} s"
            caller.kill()
            caller.wait(10)
    plant.redis.kill()
    return Control(1, 0, 0, note=said)


CASE = Case(
    6,
    "Redis frozen for 60 s during 50 submits",
    "the p99 of a submit is ≤ 2 s; nothing is lost; pages and `/readyz` say what is true, within 2 s",
    run,
)
