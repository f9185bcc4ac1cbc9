"""Who hears an early bell looks until its job is there, and no longer than the bell is good."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from jobs import early
from jobs.attempt import Claimed
from jobs.early import MARK, Awaited
from jobs.models import Job
from tests.factories import make_job
from tests.webhooks.conftest import SetConf, set_conf
from workers.runner import Runner

__all__ = ["set_conf"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def renewals(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether plans are renewed each time there is reason to think of it; then never."""
    renewals: list[bool] = []
    monkeypatch.setattr(runner.db, "renew_plans", lambda: bool(renewals) and renewals.pop(0))
    return renewals


@pytest.fixture
def no_slice(set_conf: SetConf) -> None:
    """A slice that is over with its first look."""
    set_conf(slice_seconds=0.0)


@pytest.fixture
def long_slice(set_conf: SetConf) -> None:
    """A slice that a slow machine does not end between two looks."""
    set_conf(slice_seconds=60.0)


def looks_of(runner: Runner, monkeypatch: pytest.MonkeyPatch, *, commit_after: int, job: UUID) -> list[int]:
    """How many jobs each look finds; the job is committed after so many looks."""
    found: list[int] = []
    next_ = runner._next

    def look(*args: Any) -> list[Claimed]:
        if len(found) == commit_after:
            make_job("queued", id=job, kind="test.ok", payload={"key": "a"})
        jobs = next_(*args)
        found.append(len(jobs))
        return jobs

    monkeypatch.setattr(runner, "_next", look)
    return found


@pytest.mark.usefixtures("long_slice")
def test_it_looks_again_until_the_job_is_committed(
    runner: Runner, rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "GOOD_SECONDS", 60.0)
    job = uuid4()
    found = looks_of(runner, monkeypatch, commit_after=2, job=job)

    runner.hear("default", Awaited(f"{MARK}{job}"))

    assert found == [0, 0, 1, 0], "and once it was seen, the first look in vain is the last"
    assert Job.objects.get(pk=job).state == "succeeded"


def test_a_plain_bell_is_over_with_the_first_look_in_vain(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = looks_of(runner, monkeypatch, commit_after=1, job=uuid4())

    runner.hear("default", Awaited(str(uuid4())))

    assert found == [0]


@pytest.mark.usefixtures("long_slice")
def test_a_job_that_never_comes_is_not_awaited_for_good(
    runner: Runner, rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "GOOD_SECONDS", 0.3)
    found = looks_of(runner, monkeypatch, commit_after=1_000_000, job=uuid4())

    runner.hear("default", Awaited(f"{MARK}{uuid4()}"))

    assert len(found) > 1
    assert set(found) == {0}
    assert rung == [], "it ended because the bell was good no more, not because its slice was over"


@pytest.mark.usefixtures("long_slice")
def test_plans_are_made_anew_by_a_look_for_which_nobody_waits(
    runner: Runner, renewals: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    renewals += [True]
    job = uuid4()
    found = looks_of(runner, monkeypatch, commit_after=1, job=job)

    runner.hear("default", Awaited(str(uuid4())))

    assert found == [0, 1, 0]
    assert Job.objects.get(pk=job).state == "succeeded", "and what that look finds is done"


@pytest.mark.usefixtures("no_slice")
def test_a_look_that_takes_as_long_as_a_slice_rings_for_no_other(
    runner: Runner, rung: list[str], renewals: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal after it would be followed by a bell, and that by a look as long, for ever."""
    renewals += [True]
    found = looks_of(runner, monkeypatch, commit_after=1_000_000, job=uuid4())

    runner.hear("default", Awaited(str(uuid4())))

    assert found == [0]
    assert rung == []
