"""A child that cannot be made ready ends. Alive and deaf it would swallow bells, seeming to hear."""

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from workers import child


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
