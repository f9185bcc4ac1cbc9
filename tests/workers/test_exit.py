"""A child that has nothing left to do ends in a moment, whatever the main has read of its results."""

from types import SimpleNamespace

import pytest
from billiard import pool

from workers.child import end_soon


def test_a_child_waits_two_seconds_at_most_for_its_last_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """With billiard's own 30 s a worker that hears TERM at the end of a bell hung 1 time in 15."""
    slept: list[float] = []
    monkeypatch.setattr(
        pool, "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT
    )
    monkeypatch.setattr(pool.time, "sleep", slept.append)
    child = SimpleNamespace(on_ready_counter=SimpleNamespace(value=0))
    end_soon()

    assert not pool.Worker._ensure_messages_consumed(child, completed=1)

    assert sum(slept) == pytest.approx(2)
