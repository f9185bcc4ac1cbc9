"""What a kind may declare about limits, and what a job carries of it."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.limit import KEY_CHARACTERS, Bound, Limit, Rate, bounds_of, per_owner
from jobs.management.kinds_page import page
from tests.running import make_kind

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("declare", "word"),
    [
        (lambda: Limit("Host", at_once=1), "'Host'"),
        (lambda: Limit("host"), "limits nothing"),
        (lambda: Limit("host", at_once=0), "at_once=0"),
        (lambda: Limit("host", at_once=1001), "1 to 1,000"),
        (lambda: Rate(0, MINUTE), "at least 1"),
        (lambda: Rate(1, timedelta(0)), "above 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_where_it_is_declared(declare: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        declare()


def test_a_job_carries_its_limits_in_the_order_of_keys() -> None:
    limits = [
        Limit("owner", by=per_owner, at_once=2),
        Limit("host", by=lambda payload, owner: payload.host, rate=Rate(10, MINUTE)),
        Limit("all", at_once=5, rate=Rate(1, MINUTE)),
    ]

    found = bounds_of(limits, SimpleNamespace(host="example.org"), 7)

    assert found == [
        Bound("all", 5, 1, 60.0),
        Bound("host=example.org", None, 10, 60.0),
        Bound("owner=7", 2, None, None),
    ]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Limit("host", by=per_owner, at_once=3), "at most 3 at once for each host"),
        (Limit("gate", at_once=1), "at most 1 at once for all that share “gate”"),
        (
            Limit("gate", rate=Rate(1, timedelta(seconds=90))),
            "at most 1 start in 90 s for all that share “gate”",
        ),
        (
            Limit("owner", by=per_owner, at_once=2, rate=Rate(100, MINUTE)),
            "at most 2 at once and at most 100 starts in 1 minute for each owner",
        ),
    ],
    ids=["at once", "shared", "rate", "both"],
)
def test_a_limit_can_be_said(limit: Limit, said: str) -> None:
    assert limit.said == said


def test_the_reference_of_kinds_says_the_limits() -> None:
    kind = make_kind(limits=(Limit("host", by=per_owner, at_once=3),))

    assert "| Limit | at most 3 at once for each host |" in page([kind], [])


def test_a_limit_that_is_not_about_a_job_is_not_carried() -> None:
    assert bounds_of([Limit("host", by=lambda payload, owner: None, at_once=1)], None, 7) == []


def test_of_two_limits_with_one_key_the_first_counts() -> None:
    assert bounds_of([Limit("a", at_once=1), Limit("a", at_once=9)], None, 7) == [Bound("a", 1, None, None)]


def test_a_key_is_what_the_database_can_keep() -> None:
    (bound,) = bounds_of([Limit("a", by=lambda payload, owner: "\x00" + "x" * 999, at_once=1)], None, 7)

    assert "\x00" not in bound.key
    assert len(bound.key) == KEY_CHARACTERS
