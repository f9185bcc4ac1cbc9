"""What the system did in a period."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.activity import Activity, Spread, activity
from jobs.models import Job
from jobs.states import State
from tests.factories import make_job

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def ended(
    state: str = "succeeded", *, ago: timedelta = HOUR / 6, waited: float = 1, ran: float = 2, **fields: Any
) -> Job:
    finished = datetime.now(UTC) - ago
    started = finished - timedelta(seconds=ran)
    job = make_job(state, finished_at=finished, started_at=started, **fields)
    Job.objects.filter(pk=job.pk).update(created_at=started - timedelta(seconds=waited))
    return job


def found(**changes: Any) -> Activity:
    return activity(changes.pop("period", HOUR), step=changes.pop("step", "minute"), zone="UTC", **changes)


def test_jobs_are_counted_by_kind_and_end() -> None:
    ended(kind="email.send")
    ended("failed", kind="email.send")
    ended("cancelled", kind="images.resize")
    make_job("queued", kind="images.resize")
    make_job("running")

    seen = found()

    assert seen.by_state == {State.SUCCEEDED: 1, State.FAILED: 1, State.CANCELLED: 1}
    assert [(part.kind, part.submitted, part.ended.jobs) for part in seen.kinds] == [
        ("email.send", 2, 2),
        ("images.resize", 2, 1),
        ("test.ok", 1, 0),
    ]
    assert (seen.submitted, seen.ended.jobs, seen.waiting, seen.running) == (5, 3, 1, 1)


def test_what_ended_before_the_period_is_left_out() -> None:
    ended(ago=2 * HOUR)

    assert found().ended.jobs == 0
    assert found(period=3 * HOUR).ended.jobs == 1


def test_waits_and_runs_are_spread() -> None:
    for waited in range(1, 22):
        ended(waited=waited, ran=10 * waited)

    [part] = found().kinds

    assert part.ended.wait == Spread(pytest.approx(11, abs=0.01), pytest.approx(20, abs=0.01))  # type: ignore[arg-type]
    assert part.ended.run == Spread(pytest.approx(110, abs=0.01), pytest.approx(200, abs=0.01))  # type: ignore[arg-type]


def test_a_scheduled_job_waits_from_its_time_on() -> None:
    job = ended(waited=3000)
    Job.objects.filter(pk=job.pk).update(run_at=job.started_at - timedelta(seconds=5))  # type: ignore[operator]

    assert found().ended.wait.half == pytest.approx(5, abs=0.1)


def test_the_wait_of_a_repeated_job_is_not_counted() -> None:
    ended(waited=1)
    ended(waited=1000, attempt=2)

    assert found().ended.wait.most == pytest.approx(1, abs=0.01)


def test_every_step_is_named_also_where_nothing_happened() -> None:
    ended(kind="email.send")

    seen = found(step="minute")

    assert len(seen.steps) in {61, 62}
    [(at, kind, state)] = seen.by_step
    assert (kind, state) == ("email.send", State.SUCCEEDED)
    assert at in seen.steps


def test_an_idle_system_has_a_quiet_report() -> None:
    seen = found(period=timedelta(days=365), step="month")

    assert (seen.submitted, seen.ended.jobs, seen.kinds, seen.by_step) == (0, 0, [], {})
    assert seen.ended.wait == Spread()


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(ValueError, match="step='week' must be one of"):
        found(step="week")
