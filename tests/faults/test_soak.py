"""The soak sees a leak, and what it may not compare it leaves alone."""

import pytest

from tests.faults.soak import Use, comparable, grown


@pytest.mark.parametrize(
    ("name", "megabytes", "descriptors", "is_seen"),
    [
        ("worker", 109.0, 45, False),
        ("worker", 111.0, 40, True),
        ("worker", 100.0, 46, True),
        ("worker", 100.0, 34, True),
        ("Redis", 100.0, 34, False),
        ("Redis", 100.0, 46, True),
    ],
)
def test_a_process_that_holds_other_than_it_did_is_seen(
    name: str, megabytes: float, descriptors: int, is_seen: bool
) -> None:
    both = {name: (Use(1, 100.0, 40), Use(1, megabytes, descriptors))}

    assert grown(both) == [name] * is_seen


def test_a_beat_that_was_killed_is_another_and_a_server_is_its_name() -> None:
    before = {name: Use(1, 1.0, 1) for name in ("Beat", "Redis", "worker")}
    after = {"Beat": Use(2, 1.0, 1), "Redis": Use(2, 1.0, 1), "worker": Use(1, 1.0, 1)}

    assert set(comparable(before, after)) == {"Redis", "worker"}
