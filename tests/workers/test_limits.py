"""An interruption hits the run it is meant for, while its kind's code runs, and nothing else."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from workers.limits import Interrupted, Limits, Why


@pytest.fixture
def limits() -> Iterator[Limits]:
    before = signal.getsignal(signal.SIGUSR2)
    limits = Limits()
    limits.install()
    yield limits
    signal.signal(signal.SIGUSR2, before)


def test_a_run_is_interrupted_from_another_thread(limits: Limits) -> None:
    number = limits.next_run()

    def work() -> None:
        threading.Thread(target=limits.interrupt, args=(number, Why.CANCEL)).start()
        threading.Event().wait(10)

    with pytest.raises(Interrupted) as stopped:
        limits.run(work, hard_seconds=60)
    assert stopped.value.why is Why.CANCEL


def test_an_interruption_meant_for_an_earlier_run_hits_nobody(limits: Limits) -> None:
    earlier = limits.next_run()
    limits.next_run()

    def work() -> str:
        limits.interrupt(earlier, Why.CANCEL)
        return "done"

    assert limits.run(work, hard_seconds=60) == "done"


def test_a_signal_that_comes_late_hits_nobody(limits: Limits) -> None:
    number = limits.next_run()

    def work() -> None:
        limits.interrupt(number, Why.TIMEOUT)

    with pytest.raises(Interrupted):
        limits.run(work, hard_seconds=60)

    os.kill(os.getpid(), signal.SIGUSR2)  # nothing is armed: no exception here
    limits.interrupt(number, Why.TIMEOUT)
    assert not limits.is_armed


def test_the_hard_limit_is_off_between_runs(limits: Limits) -> None:
    limits.next_run()
    limits.run(lambda: None, hard_seconds=60)

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_interrupted_is_not_swallowed_by_except_exception() -> None:
    assert not issubclass(Interrupted, Exception)
