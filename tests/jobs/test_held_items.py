"""Items that wait for something: out of the common line, and taken by its name."""

import pytest

from jobs.errors import LeaseLost
from jobs.items import ClaimedItem, Ended, Held, Items
from jobs.models import Item, Job
from jobs.states import ItemState
from tests.jobs.test_items import next_attempt, running_with
from tests.running import lose, make_context

pytestmark = pytest.mark.django_db


def keys(claimed: list[ClaimedItem]) -> list[str]:
    return [item.key for item in claimed]


def hold(ledger: Items, claimed: list[ClaimedItem], by: str, seconds: float = 60) -> None:
    ledger.hold([Held(item.id, by, seconds) for item in claimed])


def halved() -> tuple[Job, Items]:
    """Of four the first two are held."""
    job = running_with("a", "b", "c", "d")
    ledger = make_context(job=job).items
    hold(ledger, ledger.exchange([], 2), "gmail")
    return job, ledger


def test_who_is_held_is_pending_and_comes_only_when_it_is_asked_for() -> None:
    _, ledger = halved()

    assert ledger.counts()[ItemState.PENDING] == 4
    assert keys(ledger.exchange([], 10)) == ["c", "d"]
    assert ledger.claim_held("other", 10) == []
    held = ledger.claim_held("gmail", 1)
    assert keys(held) == ["a"]
    ledger.exchange([Ended(held[0].id, ItemState.DONE)], 0)
    assert Item.objects.get(key="a").held_by is None
    assert keys(ledger.claim_held("gmail", 10)) == ["b"]


def test_before_its_time_one_comes_only_where_that_is_wanted() -> None:
    _, ledger = halved()

    assert ledger.claim_held("gmail", 10, early=False) == []
    assert 59 < (ledger.due_in("gmail") or 0) <= 60
    assert ledger.due_in("other") is None

    Item.objects.filter(key="b").update(due="2020-01-01T00:00:00Z")
    assert keys(ledger.claim_held("gmail", 10, early=False)) == ["b"]


def test_the_next_attempt_knows_who_is_held_and_goes_on_behind_them() -> None:
    job, ledger = halved()
    (left,) = ledger.exchange([], 1)
    ledger.exchange([Ended(left.id, ItemState.PENDING)], 0)
    hold(ledger, ledger.exchange([], 1), "gmail")

    later = next_attempt(job).items

    held = later.resume()
    assert held.keys() == {"gmail"}
    assert 59 < held["gmail"] <= 60
    assert later.exchange([], 10) == [], "it was passed over already"
    later.rewind()
    assert keys(later.exchange([], 10)) == ["c"]


def test_who_died_while_it_was_at_a_held_one_leaves_it_uncertain() -> None:
    job, ledger = halved()
    ledger.claim_held("gmail", 1)

    assert next_attempt(job).items.counts()[ItemState.UNCERTAIN] == 1


def test_a_lost_lease_holds_nothing() -> None:
    job = running_with("a")
    ledger = make_context(job=job).items
    claimed = ledger.claim()
    lose(job)

    with pytest.raises(LeaseLost):
        hold(ledger, claimed, "gmail")
    assert Item.objects.get().held_by is None


def test_only_what_is_being_done_can_be_held() -> None:
    _, ledger = halved()
    claimed = ledger.claim_held("gmail", 1)
    hold(ledger, claimed, "gmail")

    with pytest.raises(ValueError, match="1 of 1 items were not being done"):
        hold(ledger, claimed, "gmail")


def test_a_plain_claim_frees_whom_it_takes() -> None:
    _, ledger = halved()

    assert keys(ledger.claim(10)) == ["a", "b", "c", "d"]
    assert not Item.objects.filter(held_by__isnull=False).exists()
