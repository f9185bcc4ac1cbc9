"""A child that cannot be made ready ends. Alive and deaf it would swallow bells, seeming to hear."""

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.broker import BELL
from jobs.conf import conf
from workers import child
from workers.canary import CANARY
from workers.shared import HEARING


class Ended(BaseException):
    """Where the process would have ended."""


@pytest.mark.parametrize("step", ["end_soon", "drop_connections", "make_runner"])
def test_a_child_that_cannot_begin_ends(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery logs what a receiver raises, and goes on with the child as if it were ready."""

    def fail(*given: Any) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def end(code: int) -> None:
        assert code == os.EX_SOFTWARE
        raise Ended

    leave_this_process_alone(monkeypatch)
    monkeypatch.setattr(child, step, fail)
    monkeypatch.setattr(os, "_exit", end)

    with pytest.raises(Ended):
        child.start_child(sender="w1@test")


def leave_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Callable[..., None] = lambda *given: None  # noqa: E731
    for step in ("end_soon", "drop_connections", "make_runner"):
        monkeypatch.setattr(child, step, nothing)
    monkeypatch.setattr(signal, "signal", nothing)
    monkeypatch.setattr(child, "PAUSE_SECONDS", 0)


@pytest.fixture
def freed() -> Iterator[None]:
    """This process counts as an idle child again."""
    yield
    HEARING.end()


@pytest.mark.usefixtures("freed")
@pytest.mark.parametrize(
    ("task", "is_idle_now", "is_idle_later"),
    [(CANARY, True, True), (BELL, False, True), ("shop.charge", False, False)],
)
def test_a_child_frozen_as_a_task_begins_does_not_count_as_busy_for_ever(
    task: str, is_idle_now: bool, is_idle_later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen within a canary, it once hid for good that its worker was deaf."""
    child.begin_task(sender=SimpleNamespace(name=task))  # type: ignore[arg-type]
    now = time.monotonic()

    assert HEARING.heard_at <= now
    assert bool(HEARING.idle(1)) is is_idle_now
    monkeypatch.setattr(time, "monotonic", lambda: now + conf().lease_seconds + 1)
    assert bool(HEARING.idle(1)) is is_idle_later
