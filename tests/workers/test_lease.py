"""What the heartbeat learns is about the attempt it asked for, and no later one; and how soon it asks."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from jobs.lifecycle.renew import Renewed
from tests.webhooks.conftest import SetConf, set_conf
from workers import lease as module
from workers.lease import Leases

__all__ = ["set_conf"]
JOB = uuid4()


@pytest.fixture
def leases(transactional_db: None) -> Iterator[Leases]:
    leases = Leases(uuid4())
    yield leases
    leases.db.close()


def test_a_lease_that_was_lost_is_forgotten(leases: Leases) -> None:
    leases.hold({JOB: 1}, seconds=60)

    leases._beat(0.0)

    assert not leases.is_held(JOB)


@pytest.mark.parametrize("answer", [Renewed(set(), set()), Renewed({JOB}, {JOB})], ids=["lost", "cancelled"])
def test_an_answer_about_an_earlier_attempt_says_nothing_about_the_next(
    leases: Leases, monkeypatch: pytest.MonkeyPatch, answer: Renewed
) -> None:
    leases.hold({JOB: 1}, seconds=60)

    def meanwhile(*_: Any, **__: Any) -> Renewed:
        leases.drop([JOB])
        leases.hold({JOB: 2}, seconds=60)
        return answer

    monkeypatch.setattr(module, "renew_leases", meanwhile)

    leases._beat(0.0)

    assert leases.is_held(JOB)
    assert not leases.is_cancelled(JOB)


@pytest.mark.parametrize(("heartbeat", "again_in"), [(0.3, 0.3), (20.0, 1.0)])
def test_a_beat_that_failed_is_repeated_before_rescue_believes_the_lease_lost(
    leases: Leases, monkeypatch: pytest.MonkeyPatch, set_conf: SetConf, heartbeat: float, again_in: float
) -> None:
    """Rescue waits for two heartbeats of contact after an outage."""
    set_conf(heartbeat_seconds=heartbeat)
    beats: list[float] = []

    def fail(*_: Any, **__: Any) -> Renewed:
        beats.append(now)
        raise psycopg.OperationalError

    monkeypatch.setattr(module, "renew_leases", fail)
    leases.hold({JOB: 1}, seconds=600)

    first = time.monotonic() + heartbeat
    for now in (first, first + again_in - 0.01, first + again_in):
        leases.look(now)

    assert beats == [first, first + again_in]
