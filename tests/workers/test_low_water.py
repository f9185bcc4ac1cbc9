"""Under an old snapshot claims start where work was found last; nothing that stands before is forgotten."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from jobs.attempt import Claimed, Outcome, Place
from jobs.database import OwnDatabase
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.models import Job
from jobs.states import State
from tests.clock import Clock
from tests.factories import make_job
from workers import low_water
from workers.low_water import LOOKS, MOST_SECONDS, RARE_SECONDS, SHARE, LowWater

KINDS = {"test.ok": 1}
DEAR, CHEAP = low_water.DEAR_SECONDS * 2, low_water.DEAR_SECONDS / 2


class Queue:
    """A line of places that are claimed one by one; notes where each look began."""

    def __init__(self, *places: Place, seconds: float = CHEAP) -> None:
        self.places = sorted(places, key=lambda place: (-place.priority, place.turn, place.seq))
        self.seconds = seconds
        self.looks: list[Place | None] = []

    def claim(self, start: Place | None) -> list[Claimed]:
        self.looks.append(start)
        for place in self.places:
            if start is None or (place.priority == start.priority and place >= start):
                self.places.remove(place)
                return [
                    Claimed(
                        uuid4(), "test.ok", 1, "{}", 1, 0, 0, True, 0.0,
                        looked_seconds=self.seconds, place=place,
                    )
                ]  # fmt: skip
        return []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(low_water.time, "monotonic", clock.monotonic)
    return clock


def places(count: int, priority: int = 0, first: int = 0) -> list[Place]:
    return [Place(priority, 0.0, first + seq) for seq in range(count)]


def test_while_looks_from_the_head_are_cheap_every_claim_makes_one(clock: Clock) -> None:
    queue, low = Queue(*places(3)), LowWater()

    for _ in range(4):
        low.claim("default", queue.claim)

    assert queue.looks == [None] * 4


def test_after_two_dear_looks_claims_start_at_the_mark_until_the_next_is_due(clock: Clock) -> None:
    queue, low = Queue(*places(9), seconds=DEAR), LowWater()

    for _ in range(3):
        low.claim("default", queue.claim)
    assert queue.looks == [None, None, Place(0, 0.0, 1)]

    clock.now += RARE_SECONDS
    low.claim("default", queue.claim)
    assert queue.looks[3:] == [None]


def test_one_look_that_met_a_stall_blinds_nobody(clock: Clock) -> None:
    queue, low = Queue(*places(9), seconds=CHEAP), LowWater()

    for queue.seconds in (CHEAP, 30.0, CHEAP, CHEAP):
        low.claim("default", queue.claim)

    assert queue.looks == [None] * 4


def test_however_dear_looks_are_claims_are_not_blind_for_long(clock: Clock) -> None:
    queue, low = Queue(*places(9), seconds=30.0), LowWater()

    for _ in range(3):
        low.claim("default", queue.claim)
    clock.now += MOST_SECONDS
    low.claim("default", queue.claim)

    assert queue.looks == [None, None, Place(0, 0.0, 1), None]


def test_dear_looks_are_few_among_many(clock: Clock) -> None:
    queue, low = Queue(*places(3 * LOOKS), seconds=DEAR), LowWater()

    for _ in range(2 * LOOKS + 1):
        low.claim("default", queue.claim)
        clock.now += 2 * DEAR / SHARE / LOOKS

    assert queue.looks.count(None) == 3


def test_dear_looks_take_little_of_the_time(clock: Clock) -> None:
    queue, low = Queue(*places(3 * LOOKS), seconds=DEAR), LowWater()

    for _ in range(2 * LOOKS):
        low.claim("default", queue.claim)
        clock.now += DEAR / SHARE / LOOKS / 4

    assert queue.looks.count(None) == 2


def test_the_mark_lies_two_looks_back_so_that_a_late_commit_is_still_before_us(clock: Clock) -> None:
    queue, low = Queue(*places(9), seconds=DEAR), LowWater()

    for _ in range(4):
        low.claim("default", queue.claim)
        clock.now += RARE_SECONDS
    low.claim("default", queue.claim)
    low.claim("default", queue.claim)

    assert queue.looks == [None] * 5 + [Place(0, 0.0, 3)]


def test_what_comes_to_stand_before_the_mark_is_claimed_by_the_next_look_from_the_head(clock: Clock) -> None:
    queue, low = Queue(*places(3, first=4), seconds=DEAR), LowWater()
    for _ in range(2):
        low.claim("default", queue.claim)
    queue.places.insert(0, Place(0, 0.0, 1))

    (onward,) = low.claim("default", queue.claim)
    assert onward.place.seq == 6
    assert low.claim("default", queue.claim) == []

    clock.now += RARE_SECONDS
    (found,) = low.claim("default", queue.claim)
    assert found.place.seq == 1


def test_each_priority_has_its_mark_and_the_highest_goes_first(clock: Clock) -> None:
    queue, low = Queue(*places(2, priority=5), *places(3), seconds=CHEAP), LowWater()
    for queue.seconds in (CHEAP, CHEAP, DEAR, DEAR):
        low.claim("default", queue.claim)
    queue.places += places(1, priority=5, first=9)

    found = [low.claim("default", queue.claim)[0].place for _ in range(2)]

    assert found == [Place(5, 0.0, 9), Place(0, 0.0, 2)]


def test_a_child_that_found_nothing_yet_has_no_mark_to_start_from(clock: Clock) -> None:
    queue, low = Queue(seconds=DEAR), LowWater()
    clock_before = clock.now
    slow = queue.claim

    def dear(start: Place | None) -> list[Claimed]:
        clock.now += DEAR
        return slow(start)

    assert low.claim("default", dear) == []
    queue.places += places(1)

    assert len(low.claim("default", dear)) == 1
    assert clock.now > clock_before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [1, 50])
def test_from_a_mark_a_claim_does_not_read_what_a_snapshot_keeps(limit: int) -> None:
    own, snapshot, holder = OwnDatabase("test"), OwnDatabase("snapshot"), uuid4()
    asking = Asking(queue="default", holder=holder, kinds=KINDS, limit=limit)
    try:
        with snapshot.atomic():
            snapshot.rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            snapshot.rows("SELECT count(*) FROM millrace_job")
            for _ in range(300):
                make_job()
                (job,) = claim_jobs(Asking(queue="default", holder=holder, kinds=KINDS), db=own)
                outcome = Outcome(job=job.id, kind=job.kind, attempt=1, state=State.SUCCEEDED)
                finish_jobs([outcome], holder=holder, db=own)
            last = make_job()

            def buffers(start: Place | None) -> int:
                before = reads(own)
                claimed = claim_jobs(asking, start=start, db=own)
                assert [job.id for job in claimed] == [last.id]
                Job.objects.filter(pk=last.pk).update(state="queued", ready=True, holder=None, lease=None)
                return reads(own) - before

            assert buffers(job.place) < buffers(None) / 5
    finally:
        own.close()
        snapshot.close()


def reads(database: OwnDatabase) -> Any:
    """How many entries of the line's index this transaction's server has read, as it will report them."""
    database.rows("SELECT pg_stat_force_next_flush()")
    return database.rows(
        "SELECT idx_tup_read FROM pg_stat_all_indexes WHERE indexrelname = 'millrace_job_line'"
    )[0][0]


def test_a_dear_look_from_a_mark_moves_the_mark(clock: Clock) -> None:
    """Others claim too: between our mark and the present they leave as many dead entries as we do."""
    queue, low = Queue(*places(9), seconds=DEAR), LowWater()

    for _ in range(5):
        low.claim("default", queue.claim)

    assert queue.looks == [None, None, Place(0, 0.0, 1), Place(0, 0.0, 1), Place(0, 0.0, 2)]


def test_the_mark_of_a_priority_that_came_long_ago_is_forgotten(clock: Clock) -> None:
    queue, low = Queue(*places(2, priority=5), *places(30), seconds=DEAR), LowWater()

    for _ in range(10):
        low.claim("default", queue.claim)
        clock.now += RARE_SECONDS / 2

    assert {place.priority for place in queue.looks[-4:] if place} == {0}


def test_an_empty_look_over_a_slow_network_is_not_dear(clock: Clock) -> None:
    queue, low = Queue(*places(1)), LowWater()
    fast = queue.claim

    def far(start: Place | None) -> list[Claimed]:
        clock.now += 1.0
        return fast(start)

    for _ in range(5):
        low.claim("default", far)

    assert queue.looks == [None] * 5
