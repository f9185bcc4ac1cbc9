"""Owners take turns: a flood by one delays another's job by a handful of claims."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from jobs.database import OwnDatabase
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.gate import open_gate
from jobs.lifecycle.retry import retry_jobs
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.lifecycle.turn import raise_floors
from jobs.models import Floor, Job, Share

pytestmark = pytest.mark.django_db(transaction=True)

PAST = datetime.now(UTC) - timedelta(minutes=10)
FLOOD = 10_000


@pytest.fixture(autouse=True)
def silent(rung: list[str]) -> None:
    """Nobody hears a bell here."""


def flood(owner: User, jobs: int = FLOOD) -> list[UUID]:
    return submit_many("test.ok", ({} for _ in range(jobs)), owner=owner)


def submit(owner: User, **more: int) -> UUID:
    return submit_job("test.ok", {}, owner=owner, **more).id  # type: ignore[arg-type]


def claim(own: OwnDatabase, jobs: int) -> list[UUID]:
    """The ids, in the order in which they were claimed, one at a time."""
    asking = Asking(queue="default", holder=uuid4(), kinds={"test.ok": 1})
    return [job.id for _ in range(jobs) for job in claim_jobs(asking, db=own)]


def owners(ids: list[UUID]) -> str:
    """The first letters of their owners."""
    names = dict(Job.objects.filter(pk__in=ids).values_list("pk", "owner__username"))
    return "".join(names[job][0] for job in ids)


def test_a_flood_delays_anothers_job_by_a_handful_of_claims(alice: User, bob: User, own: OwnDatabase) -> None:
    flood(alice)
    claim(own, 50)

    single = submit(bob)

    assert single in claim(own, 3)


def test_a_flood_of_single_submits_is_no_different(alice: User, bob: User, own: OwnDatabase) -> None:
    for _ in range(50):
        submit(alice)

    single = submit(bob)

    assert single in claim(own, 3)


def test_two_who_flood_take_turns(alice: User, bob: User, own: OwnDatabase) -> None:
    flood(alice, 500)
    flood(bob, 500)

    claimed = owners(claim(own, 40))

    assert claimed[2:].count("ab") + claimed[2:].count("ba") >= 36


def test_who_weighs_more_gets_more(alice: User, bob: User, own: OwnDatabase) -> None:
    Share.objects.create(owner=bob, weight=3)
    flood(alice, 500)
    flood(bob, 500)

    claimed = owners(claim(own, 100))

    assert 70 <= claimed.count("b") <= 80


def test_one_owner_alone_is_served_in_the_order_of_arrival(alice: User, own: OwnDatabase) -> None:
    ids = flood(alice, 20) + [submit(alice) for _ in range(20)] + flood(alice, 20)

    assert claim(own, 60) == ids


def test_a_higher_priority_goes_first_whoever_owns_it(alice: User, bob: User, own: OwnDatabase) -> None:
    submit(bob)
    flood(alice, 100)
    urgent = submit(alice, priority=5)

    assert claim(own, 1) == [urgent]


def test_what_becomes_due_comes_into_the_line_then_and_takes_turns(
    alice: User, bob: User, own: OwnDatabase
) -> None:
    """A thousand jobs for nine o'clock must not all go before what others handed in since."""
    submit_many(
        "test.ok", ({} for _ in range(1000)), owner=alice, run_at=datetime.now(UTC) + timedelta(hours=1)
    )
    flood(bob, 20)
    Job.objects.filter(state="scheduled").update(run_at=PAST)

    open_gate()

    assert owners(claim(own, 20)).count("b") >= 9


def test_what_is_retried_takes_turns(alice: User, bob: User, own: OwnDatabase) -> None:
    ids = flood(alice, 200)
    Job.objects.filter(pk__in=ids).update(state="failed", ready=False)
    flood(bob, 20)

    retry_jobs(ids, actor="alice")

    assert owners(claim(own, 20)).count("b") >= 9


def test_turns_only_grow_when_a_line_runs_empty(alice: User, bob: User, own: OwnDatabase) -> None:
    """Claims may start at the last claimed place: nobody may come to stand before it."""
    turn = 0.0
    for owner in (alice, bob, alice):
        flood(owner, 50)
        claim(own, 50)
        turns = list(Job.objects.filter(owner=owner).order_by("-seq").values_list("turn", flat=True)[:50])
        assert min(turns) > turn
        turn = max(turns)


def test_looks_for_the_head_begin_at_the_floor(alice: User, own: OwnDatabase) -> None:
    """An old snapshot keeps every claimed job in the index of the line."""
    flood(alice, 100)
    claim(own, 90)

    raise_floors(own)

    floor = Floor.objects.get(queue="default", priority=0)
    assert floor.turn == Job.objects.filter(state="queued").order_by("turn")[0].turn
    later = submit(alice)
    assert Job.objects.get(pk=later).turn > floor.turn


def test_the_floor_of_an_empty_line_is_the_clock(alice: User, own: OwnDatabase) -> None:
    flood(alice, 100)
    claim(own, 100)
    Job.objects.update(turn=1.0)

    raise_floors(own)

    assert Floor.objects.get().turn > 1e12


def test_an_idle_system_writes_no_floors(alice: User, own: OwnDatabase) -> None:
    flood(alice, 100)
    claim(own, 100)
    raise_floors(own)
    written = own.rows("SELECT xmin::text FROM millrace_floor")

    raise_floors(own)

    assert own.rows("SELECT xmin::text FROM millrace_floor") == written


def test_a_floor_above_somebody_hides_nobody(alice: User, bob: User, own: OwnDatabase) -> None:
    """A transaction that stayed open for long commits a job below the floor: it is first in line."""
    late = submit(alice)
    Floor.objects.create(queue="default", priority=0, turn=1e18)

    assert claim(own, 1) == [late]
