"""When a failed attempt is tried again."""

from datetime import timedelta

import pytest

from jobs.retry import Retry

DAY = timedelta(days=1)


def test_the_wait_doubles_up_to_the_longest() -> None:
    retry = Retry(first=timedelta(seconds=5), longest=timedelta(seconds=30), jitter=0)

    assert [retry.delay(failures).total_seconds() for failures in range(1, 6)] == [5, 10, 20, 30, 30]


@pytest.mark.parametrize("failures", [31, 40, 10_000])
@pytest.mark.parametrize("longest", [2 * DAY, timedelta.max])
def test_no_number_of_failures_overflows(failures: int, longest: timedelta) -> None:
    assert Retry(attempts=failures + 1, first=DAY, longest=longest, jitter=0).delay(failures) == longest


def test_jitter_takes_no_more_than_its_share() -> None:
    retry = Retry(first=DAY, longest=DAY, jitter=0.5)

    assert all(DAY / 2 <= retry.delay(1) <= DAY for _ in range(100))
