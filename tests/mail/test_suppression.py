"""Suppression: each address once per owner, the strongest reason wins, and twice is once."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection

from jobs.mail.suppression import Entry, Reply, lift, look_up, suppress, suppress_dead
from jobs.models import Suppression
from jobs.models.suppression import Suppressed

pytestmark = pytest.mark.django_db
ADA = "ada@example.org"
SOON, LATER = (datetime.now(UTC) + timedelta(days=days) for days in (1, 30))


def entry(address: str = ADA, reason: Suppressed = Suppressed.BY_HAND, **fields: Any) -> Entry:
    return Entry(address=address, reason=reason, **({"source": "api"} | fields))


def let_expire(address: str = ADA) -> None:
    Suppression.objects.filter(address=address).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))


def test_an_address_is_suppressed_for_its_owner_alone(alice: User, bob: User) -> None:
    suppress(alice.pk, [entry("Ada@Bücher.example")])

    asked = ["ADA@xn--bcher-kva.example", "eve@example.org", "no address"]
    assert look_up(alice.pk, asked) == {"ADA@xn--bcher-kva.example": Suppressed.BY_HAND}
    assert look_up(bob.pk, asked) == {}


def test_adding_twice_is_adding_once(alice: User) -> None:
    first, second = (suppress(alice.pk, [entry(), entry("ADA@EXAMPLE.ORG")]) for _ in range(2))

    assert (first, second) == ({ADA}, set())
    assert Suppression.objects.count() == 1


def test_lifting_twice_is_lifting_once(alice: User, bob: User) -> None:
    for owner in (alice, bob):
        suppress(owner.pk, [entry()])

    first, second = (lift(alice.pk, ["ADA@example.org", "eve@example.org"]) for _ in range(2))

    assert (first, second) == ({ADA}, set())
    assert look_up(alice.pk, [ADA]) == {}
    assert ADA in look_up(bob.pk, [ADA])


def test_only_the_reasons_that_were_named_are_lifted(alice: User) -> None:
    suppress(alice.pk, [entry(reason=Suppressed.UNSUBSCRIBED), entry("eve@example.org")])

    lift(alice.pk, [ADA, "eve@example.org"], reasons=[Suppressed.BY_HAND])

    assert look_up(alice.pk, [ADA, "eve@example.org"]) == {ADA: Suppressed.UNSUBSCRIBED}


@pytest.mark.parametrize("stronger", list(Suppressed)[1:], ids=lambda reason: reason.value)
def test_a_stronger_reason_takes_a_weaker_ones_place_and_is_not_taken(
    alice: User, stronger: Suppressed
) -> None:
    suppress(alice.pk, [entry(reason=Suppressed.BOUNCED)])

    assert suppress(alice.pk, [entry(reason=stronger)]) == {ADA}
    assert suppress(alice.pk, [entry(reason=Suppressed.BOUNCED)]) == set()
    assert look_up(alice.pk, [ADA]) == {ADA: stronger}


@pytest.mark.parametrize("reason", [Suppressed.BY_HAND, Suppressed.COMPLAINED], ids=["same", "stronger"])
def test_no_reason_makes_the_time_shorter(alice: User, reason: Suppressed) -> None:
    suppress(alice.pk, [entry(expires_at=LATER)])

    suppress(alice.pk, [entry(reason=reason, expires_at=SOON)])
    assert Suppression.objects.get().expires_at == LATER

    suppress(alice.pk, [entry(reason=reason)])
    assert Suppression.objects.get().expires_at is None


@pytest.mark.parametrize("ends", [LATER, None], ids=["longer", "for good"])
def test_a_weaker_reason_that_lasts_longer_lengthens_the_time_of_a_stronger_one(
    alice: User, ends: datetime | None
) -> None:
    """Who complained until tomorrow and left the list today gets no mail the day after."""
    suppress(alice.pk, [entry(reason=Suppressed.COMPLAINED, source="report", note="spam", expires_at=SOON)])
    before = Suppression.objects.get()

    added = suppress(
        alice.pk, [entry("ADA@example.org", Suppressed.UNSUBSCRIBED, source="link", expires_at=ends)]
    )

    after = Suppression.objects.get()
    assert added == {ADA}
    assert (after.reason, after.source, after.note, after.address) == ("complained", "report", "spam", ADA)
    assert (after.expires_at, after.created_at) == (ends, before.created_at)
    assert suppress(alice.pk, [entry(reason=Suppressed.UNSUBSCRIBED, expires_at=ends)]) == set()


def test_in_one_batch_too_the_longest_time_counts_and_what_is_over_says_nothing(alice: User) -> None:
    over = datetime.now(UTC) - timedelta(days=1)
    strong = entry(reason=Suppressed.COMPLAINED, expires_at=SOON)
    batches = {
        None: [strong, entry(reason=Suppressed.BOUNCED)],
        LATER: [entry(reason=Suppressed.BOUNCED, expires_at=LATER), strong],
        SOON: [entry(expires_at=SOON), entry(reason=Suppressed.COMPLAINED, expires_at=over)],
    }

    for ends, batch in batches.items():
        Suppression.objects.all().delete()
        suppress(alice.pk, batch)
        row = Suppression.objects.get()
        assert (row.reason, row.expires_at) == ("by_hand" if ends is SOON else "complained", ends)


def test_of_two_in_one_batch_the_stronger_is_kept(alice: User) -> None:
    weak, strong = entry(note="weak"), entry("ADA@example.org", Suppressed.COMPLAINED, note="strong")

    for batch in ([weak, strong], [strong, weak]):
        Suppression.objects.all().delete()
        suppress(alice.pk, batch)
        assert Suppression.objects.get().note == "strong"


def test_what_has_expired_counts_as_not_there(alice: User) -> None:
    suppress(alice.pk, [entry(reason=Suppressed.COMPLAINED, expires_at=SOON)])
    let_expire()

    assert look_up(alice.pk, [ADA]) == {}
    assert suppress(alice.pk, [entry(reason=Suppressed.BOUNCED, expires_at=SOON)]) == {ADA}
    assert Suppression.objects.get().reason == "bounced"
    let_expire()
    assert lift(alice.pk, [ADA]) == set()
    assert suppress(alice.pk, [entry(expires_at=datetime.now(UTC) - timedelta(days=1))]) == set()


def test_only_dead_addresses_of_a_transaction_are_suppressed(alice: User) -> None:
    job = uuid4()
    replies = [
        Reply("dead@example.org", 550, "5.1.1 no such user"),
        Reply("policy@example.org", 550, "5.7.1 not from you"),
        Reply("later@example.org", 452, "4.2.2 mailbox full"),
        Reply("fine@example.org", 250, "2.1.5 ok"),
    ]

    assert suppress_dead(alice.pk, job, replies) == {"dead@example.org"}

    row = Suppression.objects.get()
    assert (row.reason, row.source, row.job) == ("bounced", "smtp", job)
    assert row.note == "550 5.1.1 no such user"


def test_a_note_of_any_text_is_kept(alice: User) -> None:
    suppress(alice.pk, [entry(note="550 \0 \ud800" + "x" * 10_000)])

    assert len(Suppression.objects.get().note) == 500


def test_many_are_added_and_looked_up_in_one_statement_each(
    alice: User, django_assert_num_queries: Any
) -> None:
    people = [f"person{number}@example.org" for number in range(2_000)]

    with django_assert_num_queries(3):
        suppress(alice.pk, map(entry, people[:1_000]))
        found = look_up(alice.pk, people)
        lifted = lift(alice.pk, people)

    assert list(found) == people[:1_000]
    assert lifted == set(found)


def test_nothing_asked_is_nothing_done(alice: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert suppress(alice.pk, []) == set()


@pytest.mark.django_db(transaction=True)
def test_two_batches_in_opposite_order_do_not_wait_for_each_other_for_ever(alice: User) -> None:
    """Race: each locks what the other wants next; one order for all keeps them from it."""
    people = [f"person{number}@example.org" for number in range(500)]
    start, errors = Barrier(2), []

    def add(batch: list[str]) -> None:
        try:
            for _ in range(5):
                start.wait(30)
                suppress(alice.pk, map(entry, batch))
                lift(alice.pk, batch[:1])
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=add, args=[batch]) for batch in (people, people[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert Suppression.objects.count() >= 498
