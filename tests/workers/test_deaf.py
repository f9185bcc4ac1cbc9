"""Deafness by its signs, with the clock and the consumer in the test's hands."""

from __future__ import annotations

import time

import pytest

from jobs.conf import conf
from jobs.database import DJANGO
from jobs.lifecycle.pause import pause_queue
from tests.clock import Clock
from tests.factories import make_job
from workers import canary as canary_module
from workers import deaf as deaf_module
from workers import shared as shared_module
from workers.canary import Canary
from workers.deaf import Deafness
from workers.shared import Hearing

pytestmark = pytest.mark.django_db


class Worker:
    """One main: what it was asked to do is counted."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.hearing = Hearing()
        self.resets = self.ends = 0
        self.heard_since: float | None = clock.now
        self.canary = Canary()
        self.deafness = Deafness(self, self.canary, slots=1, queues=lambda: ["default"], end=self.end)

    def reset(self, why: str) -> None:
        self.resets += 1
        self.heard_since = self.clock.now

    def end(self) -> None:
        self.ends += 1

    def sweeps(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.deafness.look(DJANGO)
            self.clock.now += conf().sweep_seconds


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    clock = Clock(time.monotonic())
    worker = Worker(clock)
    for module in (deaf_module, canary_module, shared_module):
        monkeypatch.setattr(module, "time", clock)
    for module in (deaf_module, canary_module):
        monkeypatch.setattr(module, "HEARING", worker.hearing)
    return worker


def test_ready_work_that_nobody_hears_of_resets_and_then_ends_the_worker(worker: Worker) -> None:
    make_job("queued", queue="default", ready=True)

    worker.sweeps(1.5 * conf().deaf_seconds)
    assert (worker.resets, worker.ends) == (1, 0)
    assert "default" in worker.deafness.waiting()

    worker.sweeps(5 * conf().deaf_seconds)
    assert worker.resets == conf().deaf_resets
    assert worker.ends > 0


def test_bells_that_are_heard_are_no_sign(worker: Worker) -> None:
    make_job("queued", queue="default", ready=True)

    for _ in range(20):
        worker.hearing.hear("default")
        worker.sweeps(conf().sweep_seconds)

    assert worker.resets == 0


def test_bells_of_another_queue_hide_no_deafness() -> None:
    """Of two queues that shared a place the busy one once kept up the appearance of the deaf one."""
    hearing = Hearing()

    hearing.hear("mail")

    assert hearing.heard_from("mail")
    assert not [queue for queue in (f"queue{number}" for number in range(1000)) if hearing.heard_from(queue)]


def test_busy_children_are_no_sign(worker: Worker) -> None:
    make_job("queued", queue="default", ready=True)
    worker.hearing.busy(1000)

    worker.sweeps(5 * conf().deaf_seconds)

    assert worker.resets == 0


def test_a_child_stuck_beyond_its_limits_is_not_busy(worker: Worker) -> None:
    make_job("queued", queue="default", ready=True)
    worker.hearing.busy(10)

    worker.sweeps(10 + 2 * conf().deaf_seconds)

    assert worker.resets == 1


def test_a_canary_that_the_broker_took_and_nobody_heard_is_a_sign(worker: Worker) -> None:
    worker.clock.now += 1000
    worker.canary._asked_at = worker.clock.now

    worker.sweeps(1.5 * conf().deaf_seconds)

    assert worker.resets == 1


def test_a_paused_queue_is_no_sign(worker: Worker) -> None:
    make_job("queued", queue="default", ready=True)
    pause_queue("default", actor="alice")

    worker.sweeps(5 * conf().deaf_seconds)

    assert worker.resets == 0


def test_a_broker_that_is_away_is_no_sign(worker: Worker) -> None:
    """It once ended every worker a minute into an outage, and nobody reconnected when it was over."""
    make_job("queued")
    worker.heard_since = None

    worker.sweeps(20 * conf().deaf_seconds)

    assert (worker.resets, worker.ends) == (0, 0)
