"""Counts that a page asks for every second: of a large ledger a little old, never of another state."""

import pytest

from jobs.models import Item, Job
from jobs.pages import counted
from jobs.states import ItemState
from tests.factories import make_job

pytestmark = pytest.mark.django_db


class Clock:
    """Each look at it takes so long."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(counted, "_kept", {})
    job = make_job("running")
    Item.objects.create(job=job, key="ada", state="pending")
    return job


def settle() -> None:
    Item.objects.update(state="done")


def test_what_is_quick_to_count_is_counted_each_time(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "clock", Clock(0.01))
    assert counted.counts_of(job)[ItemState.DONE] == 0

    settle()

    assert counted.counts_of(job)[ItemState.DONE] == 1


def test_what_took_long_is_shown_a_while_longer(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.5)
    monkeypatch.setattr(counted, "clock", clock)
    counted.counts_of(job)

    settle()
    before = counted.counts_of(job)
    clock.now += 20 * 0.5
    after = counted.counts_of(job)

    assert (before[ItemState.PENDING], before[ItemState.DONE]) == (1, 0)
    assert (after[ItemState.PENDING], after[ItemState.DONE]) == (0, 1)


def test_a_job_that_moved_is_counted_anew(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "clock", Clock(0.5))
    counted.counts_of(job)
    settle()

    job.version += 1

    assert counted.counts_of(job)[ItemState.DONE] == 1


def test_only_so_many_are_kept(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "clock", Clock(0.5))
    monkeypatch.setattr(counted, "MOST", 3)
    for _ in range(9):
        job.version += 1
        counted.counts_of(job)

    assert len(counted._kept) == 3
