"""What the heartbeat learns is about the attempt it asked for, and about no later one."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from jobs.lifecycle.renew import Renewed
from workers import lease as module
from workers.lease import Leases

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
