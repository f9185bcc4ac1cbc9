"""The item ledger."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from jobs import items
from jobs.database import DJANGO
from jobs.errors import Failed, JobError, LeaseLost, NotYet, Rejected
from jobs.items import Ended, Held
from jobs.models import Item, Job
from jobs.registry import Declared
from jobs.states import ItemState
from tests.factories import make_job
from tests.running import lose, make_context, make_kind
from workers.context import Context

pytestmark = pytest.mark.django_db


def running_with(*keys: str) -> Job:
    job = make_job("running")
    items.declare((job.id, key) for key in keys)
    return job


def next_attempt(job: Job, policy: str = "at_most_once") -> Context:
    return make_context(make_kind(policy=policy), lose(job))


def test_items_are_claimed_in_their_order_and_each_once() -> None:
    job = running_with("b", "a", "c", "a")
    ledger = make_context(job=job).items

    first, second = ledger.claim(2), ledger.claim(2)

    assert [item.key for item in first] == ["b", "a"]
    assert [item.key for item in second] == ["c"]
    assert ledger.claim(2) == []


def test_the_sum_of_all_states_is_what_was_accepted() -> None:
    job = running_with("a", "b", "c", "d")
    ledger = make_context(job=job).items
    ledger.claim(3)
    ledger.settle("a", ItemState.DONE, {"bytes": 3})
    ledger.settle("b", ItemState.SKIPPED)

    counts = ledger.counts()

    assert sum(counts.values()) == 4
    assert (counts[ItemState.DONE], counts[ItemState.SKIPPED]) == (1, 1)
    assert (counts[ItemState.DOING], counts[ItemState.PENDING]) == (1, 1)
    assert Item.objects.get(key="a").detail == {"bytes": 3}


def test_each_move_of_an_item_is_dated() -> None:
    job = running_with("a", "b", "c")
    before = datetime.now(UTC) - timedelta(minutes=1)
    Item.objects.update(moved_at=before)
    ledger = make_context(job=job).items
    first, _ = ledger.claim(2)
    ledger.settle("b", ItemState.DONE)
    ledger.exchange([Ended(first.id, ItemState.FAILED)], 1)

    moved = dict(Item.objects.values_list("key", "moved_at"))

    assert all(at > before for at in moved.values())
    next_attempt(job).items.counts()
    assert Item.objects.get(key="c").state == "uncertain"
    assert Item.objects.get(key="c").moved_at > moved["c"]


def test_an_item_that_never_moved_has_no_date() -> None:
    running_with("a")

    assert Item.objects.get().moved_at is None


def test_what_a_dead_attempt_was_doing_is_uncertain() -> None:
    job = running_with("a", "b")
    make_context(job=job).items.claim()

    claimed = next_attempt(job).items.claim(5)

    assert [item.key for item in claimed] == ["b"]
    assert Item.objects.get(key="a").state == "uncertain"


def test_what_a_dead_attempt_was_doing_is_done_again_if_the_kind_says_so() -> None:
    job = running_with("a")
    make_context(job=job).items.claim()

    [again] = next_attempt(job, policy="at_least_once").items.claim(5)

    assert (again.key, again.detail) == ("a", {"uncertain": 1})


def test_an_attempt_that_lost_its_lease_writes_nothing() -> None:
    job = running_with("a", "b")
    late = make_context(job=job).items
    late.claim()
    lose(job)

    with pytest.raises(LeaseLost):
        late.settle("a", ItemState.DONE)
    with pytest.raises(LeaseLost):
        late.claim()
    with pytest.raises(LeaseLost):
        late.add(["c"])

    assert list(Item.objects.order_by("id").values_list("key", "state")) == [("a", "doing"), ("b", "pending")]


@pytest.mark.parametrize("change", [{"attempt": 2}, {"holder": uuid4()}, {"state": "queued"}])
def test_the_attempt_the_holder_and_the_state_each_guard_the_ledger(change: dict[str, object]) -> None:
    """After a failover that lost a claim, two workers hold the same attempt number."""
    job = running_with("a")
    late = make_context(job=job).items
    given_back = {"holder": None, "lease": None} if "state" in change else {}
    Job.objects.filter(pk=job.pk).update(**change | given_back)

    with pytest.raises(LeaseLost):
        late.claim()

    assert Item.objects.get().state == "pending"


def test_what_doing_an_item_needs_is_kept_with_it() -> None:
    job = make_job("running")
    items.declare(
        [(job.id, Declared("a", {"name": "Ada", "n": 1})), (job.id, "b"), (job.id, Declared("a", 2))]
    )

    first, second = make_context(job=job).items.claim(2)

    assert (first.given, second.given) == ({"name": "Ada", "n": 1}, None)


def test_any_number_of_items_is_declared_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.items.DECLARED_AT_ONCE", 2)
    job = running_with(*"abcde", "a")

    assert [item.key for item in make_context(job=job).items.claim(9)] == list("abcde")


def test_a_chunk_is_settled_and_the_next_claimed_at_once() -> None:
    ledger = make_context(job=(job := running_with(*"abcde"))).items
    a, b, c = ledger.exchange([], 3)

    rest = ledger.exchange(
        [
            Ended(a.id, ItemState.DONE),
            Ended(b.id, ItemState.FAILED, {"error": "no"}),
            Ended(c.id, ItemState.PENDING),
        ],
        3,
    )

    assert [item.key for item in rest] == ["d", "e"]
    assert dict(Item.objects.values_list("key", "state")) == {
        "a": "done", "b": "failed", "c": "pending", "d": "doing", "e": "doing",
    }  # fmt: skip
    assert Item.objects.get(key="b").detail == {"error": "no"}
    assert sum(items.counts(job.id).values()) == 5


def test_what_was_put_back_is_for_another_attempt() -> None:
    job = running_with("a")
    ledger = make_context(job=job).items
    [a] = ledger.exchange([], 9)

    assert ledger.exchange([Ended(a.id, ItemState.PENDING, {"tries": 1})], 9) == []

    [again] = next_attempt(job).items.exchange([], 9)
    assert (again.key, again.detail) == ("a", {"tries": 1})


def test_a_chunk_of_a_dead_attempt_is_decided_by_the_policy_that_the_job_names() -> None:
    job = running_with("a", "b")
    make_context(job=job).items.exchange([], 1)

    ledger = next_attempt(job).items
    ledger.decide("at_least_once")

    assert [(item.key, item.detail) for item in ledger.exchange([], 9)] == [
        ("a", {"uncertain": 1}),
        ("b", None),
    ]


def test_a_chunk_is_not_settled_by_who_lost_the_lease() -> None:
    job = running_with("a", "b")
    late = make_context(job=job).items
    [a] = late.exchange([], 1)
    lose(job)

    with pytest.raises(LeaseLost):
        late.exchange([Ended(a.id, ItemState.DONE)], 1)

    assert list(Item.objects.order_by("id").values_list("state", flat=True)) == ["doing", "pending"]


@pytest.mark.parametrize("known", ["nothing", "outdated", "that it is empty", "everything"])
def test_a_chunk_is_found_by_index_whatever_is_known_of_the_table(known: str) -> None:
    """Just after so many were declared nothing is: whoever trusts the numbers reads all of them each time.

    That it is empty is what autovacuum finds while they are being declared.
    """
    job = make_job("running")
    others = make_job("running")
    if known == "that it is empty":
        items.declare((job.id, str(number)) for number in range(15_000))
        Item.objects.all().delete()
        DJANGO.rows("ANALYZE millrace_item")
    if known == "outdated":
        items.declare((job.id, str(number)) for number in range(30))
        DJANGO.rows("ANALYZE millrace_item")
    items.declare((each.id, str(number)) for each in (others, job) for number in range(15_000))
    if known == "everything":
        DJANGO.rows("ANALYZE millrace_item")
    begun = make_context(job=job).items.exchange([], 20)
    params = {
        "job": job.id, "attempt": job.attempt, "holder": job.holder, "ids": [item.id for item in begun],
        "states": ["done"] * 20, "details": [None] * 20, "limit": 20, "after": begun[-1].id,
        "most": items.HIGHEST_ID,
    }  # fmt: skip

    [[[plan]]] = DJANGO.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {items.EXCHANGE}", params)

    found = items.counts(job.id)
    assert (found[ItemState.DONE], found[ItemState.DOING]) == (20, 20), "one chunk ended, the next begun"
    blocks = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    assert blocks < 1_200, "some 15 for an item; all of them fill as many"


def test_who_was_interrupted_settles_what_is_not_settled_yet() -> None:
    job = running_with("a", "b", "c")
    ledger = make_context(job=job).items
    first, second, _ = ledger.exchange([], 3)
    ledger.exchange([Ended(first.id, ItemState.DONE)], 0)  # its answer was lost

    ledger.leave_off([Ended(first.id, ItemState.FAILED), Ended(second.id, ItemState.DONE)])

    assert [item.state for item in Item.objects.order_by("id")] == ["done", "done", "doing"]
    ledger.give_back_rest()
    assert [item.state for item in Item.objects.order_by("id")] == ["done", "done", "pending"]


def test_who_was_interrupted_and_lost_the_lease_settles_nothing() -> None:
    job = running_with("a", "b")
    ledger = make_context(job=job).items
    [first] = ledger.exchange([], 1)
    ledger_of_another = next_attempt(job).items
    ledger_of_another.decide("at_least_once")
    ledger_of_another.exchange([], 2)

    with pytest.raises(LeaseLost):
        ledger.leave_off([Ended(first.id, ItemState.DONE)])
    ledger.give_back_rest()

    assert {item.state for item in Item.objects.all()} == {"doing"}


def test_whether_anybody_is_left_is_asked_of_those_who_would_be_claimed() -> None:
    job = running_with("a", "b", "c")
    ledger = make_context(job=job).items
    assert ledger.has_more()

    claimed = ledger.exchange([], 2)
    assert ledger.has_more()
    claimed += ledger.exchange([], 1)
    ledger.exchange([Ended(claimed[0].id, ItemState.PENDING)], 0)
    ledger.hold([Held(claimed[1].id, "later", 9.0)])

    assert not ledger.has_more(), "one was put back, and one waits"


def test_a_chunk_is_settled_once_and_as_something() -> None:
    ledger = make_context(job=running_with("a", "b")).items
    [a] = ledger.exchange([], 1)
    ledger.exchange([Ended(a.id, ItemState.DONE)], 0)

    with pytest.raises(ValueError, match="1 of 1 items were not being done"):
        ledger.exchange([Ended(a.id, ItemState.FAILED)], 0)
    with pytest.raises(ValueError, match="ends as one of"):
        ledger.exchange([Ended(a.id, ItemState.DOING)], 0)

    assert Item.objects.get(key="a").state == "done"


def test_what_this_attempt_is_doing_is_not_taken_for_a_dead_ones() -> None:
    job = running_with("a")
    make_context(job=job).items.claim()

    assert make_context(job=job).items.counts()[ItemState.DOING] == 1


def test_an_item_is_settled_once() -> None:
    ledger = make_context(job=running_with("a")).items
    ledger.claim()
    ledger.settle("a", ItemState.DONE)

    with pytest.raises(ValueError, match="it is done"):
        ledger.settle("a", ItemState.FAILED)
    with pytest.raises(ValueError, match="not declared"):
        ledger.settle("z", ItemState.DONE)


def test_once_is_done_once() -> None:
    job = make_job("running")
    with make_context(job=job).once("send") as first:
        pass

    with next_attempt(job).once("send") as second:
        pass

    assert (first, second) == (True, False)


@pytest.mark.parametrize(
    "error",
    [Failed("nobody answered"), NotYet("busy", again_in=timedelta(seconds=1))],
    ids=["failed", "not-yet"],
)
def test_an_effect_that_surely_did_not_happen_is_tried_again(error: JobError) -> None:
    job = make_job("running")
    with pytest.raises(type(error)), make_context(job=job).once("send"):
        raise error

    with next_attempt(job).once("send") as again:
        pass

    assert again


def test_an_effect_that_was_refused_is_not_tried_again() -> None:
    job = make_job("running")
    once = make_context(job=job).once("send")
    with pytest.raises(Rejected), once:
        raise Rejected("no such mailbox")

    assert once.state == ItemState.FAILED
    with next_attempt(job).once("send") as again:
        assert not again


def test_an_effect_nobody_knows_about_is_uncertain() -> None:
    job = make_job("running")
    with pytest.raises(RuntimeError), make_context(job=job).once("send"):
        raise RuntimeError("the answer was cut off")

    once = next_attempt(job).once("send")
    with once as again:
        assert not again

    assert once.state == ItemState.UNCERTAIN


def test_a_job_that_ends_without_another_attempt_leaves_no_item_in_doing() -> None:
    job = running_with("a", "b")
    make_context(job=job).items.claim()

    items.leave_uncertain([job.id])

    assert items.counts(job.id)[ItemState.UNCERTAIN] == 1
    assert items.counts(job.id)[ItemState.DOING] == 0
