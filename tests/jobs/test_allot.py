"""Who may have a free slot: never more than a limit allows, and nobody is held without need."""

from collections import Counter
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from jobs.allot import Held, Slots, allot
from jobs.limit import Bound

NOW = 1_000_000.0
KEYS = "abc"
AT_ONCE = {"a": 1, "b": 3, "c": None}
RATE = {"a": None, "b": None, "c": 4}


def bound(key: str) -> Bound:
    rate = RATE[key]
    return Bound(key, AT_ONCE[key], rate, 60.0 if rate else None)


def slots(taken: dict[str, int]) -> dict[str, Slots]:
    return {key: Slots(key, 1, [uuid4() for _ in range(taken.get(key, 0))], 0.0) for key in KEYS}


def held(keys: set[str]) -> Held:
    return Held(uuid4(), min(keys), [bound(key) for key in sorted(keys)])


lines = st.lists(st.sets(st.sampled_from(KEYS), min_size=1).map(held), max_size=20)


@given(line=lines, a=st.integers(0, 1), b=st.integers(0, 3))
def test_no_key_has_more_than_it_allows(line: list[Held], a: int, b: int) -> None:
    before = slots({"a": a, "b": b})

    plan = allot(before, line, NOW)

    admitted = Counter(bound.key for held in plan.admitted for bound in held.bounds)
    assert admitted["a"] + a <= 1
    assert admitted["b"] + b <= 3
    assert admitted["c"] <= 4


@given(line=lines)
def test_who_is_not_let_through_stands_at_a_key_without_room(line: list[Held]) -> None:
    after = slots({})

    plan = allot(after, line, NOW)

    stands = {held.job: key for held, key in plan.moved}
    for each in line:
        if each in plan.admitted:
            continue
        key = stands.get(each.job, each.at)
        assert not (after[key].has_room(bound(key)) and after[key].may_start(bound(key), NOW))


@given(pauses=st.lists(st.floats(0, 100), max_size=60))
def test_a_rate_is_kept_in_the_long_run_and_its_burst_is_its_count(pauses: list[float]) -> None:
    state, now, starts = Slots("c", 1, [], 0.0), NOW, []

    for pause in pauses:
        now += pause
        if allot({"c": state}, [held({"c"})], now).admitted:
            starts.append(now)

    for first in range(len(starts)):
        for last in range(first, len(starts)):
            assert last - first + 1 <= 4 + (starts[last] - starts[first]) * 4 / 60.0 + 1e-3


def test_a_pause_fills_no_more_than_one_period() -> None:
    state = Slots("c", 1, [], NOW)

    assert len(allot({"c": state}, [held({"c"}) for _ in range(9)], NOW + 9999).admitted) == 4


@given(taken=st.integers(0, 5), ahead=st.floats(-100, 100))
def test_as_many_are_read_from_the_line_as_may_pass(taken: int, ahead: float) -> None:
    """One more is read than may pass, at most: who reads too few lets a slot stand empty."""
    both = Bound("k", 5, 4, 60.0)
    state = Slots("k", 1, [uuid4() for _ in range(taken)], NOW + ahead, both)
    line = [Held(uuid4(), "k", [both]) for _ in range(20)]

    room = state.room(NOW, 20)
    passed = len(allot({"k": state}, line, NOW).admitted)

    assert passed <= room <= max(1, passed + 1)
