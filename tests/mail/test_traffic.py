"""Traffic: what all workers together may send, and when they leave somebody alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from uuid_utils.compat import uuid7

from jobs.database import DJANGO, Database, OwnDatabase
from jobs.holder import make_holder
from jobs.mail import traffic
from jobs.mail.traffic import PROBE_SECONDS, Hold, Off, Traffic
from jobs.models import Item, Job, MailTraffic, Queue, Worker
from tests.factories import make_job
from tests.webhooks.conftest import SetConf

pytestmark = pytest.mark.django_db

GMAIL, ACCOUNT = "domain=gmail.com", "account=localhost:25"


@pytest.fixture(autouse=True)
def one_server(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER = "localhost", 25, ""


def attempt(job: Job | None = None, db: Database = DJANGO) -> Traffic:
    job = job or make_job("running")
    return Traffic(job.id, job.attempt, db)


def many(count: int, domain: str = "gmail.com") -> list[str]:
    return [f"{number}@{domain}" for number in range(count)]


def waits_for(holds: list[Hold | None]) -> list[str]:
    return [hold.key if hold else "" for hold in holds]


def time_passes(seconds: float) -> None:
    """Everything the rows know, and every recipient who waits, lies further back."""
    for row in MailTraffic.objects.all():
        row.earliest -= seconds
        row.booked -= seconds
        row.off_until -= seconds
        row.save()
    Item.objects.filter(due__isnull=False).update(due=F("due") - timedelta(seconds=seconds))


def test_without_limits_nobody_is_asked(django_assert_num_queries: Any, set_conf: SetConf) -> None:
    mine = attempt()
    mine.admit(many(20))

    with django_assert_num_queries(0):
        assert mine.admit(many(20)) == [None] * 20


def test_a_domain_takes_so_many_in_a_time_whoever_sends(set_conf: SetConf) -> None:
    set_conf(email_domain_limits="gmail.com=10/h")

    first = attempt().admit(many(8))
    second = attempt().admit([*many(4), *many(3, "other.example")])

    assert waits_for(first) == [""] * 8
    assert waits_for(second) == ["", "", GMAIL, GMAIL, "", "", ""]
    hold = second[2]
    assert hold is not None
    assert 300 < hold.seconds <= 360
    assert hold.many == 1


def test_who_waits_comes_before_who_comes_later(set_conf: SetConf) -> None:
    set_conf(email_domain_limits="gmail.com=10/m")
    first, second = attempt(), attempt()
    first.admit(many(11))

    (later,) = second.admit(many(1))

    assert later is not None
    assert 6 < later.seconds <= 12, "behind the one that waits"
    time_passes(6)
    assert waits_for(attempt().admit(many(1))) == [GMAIL], "it is not their turn"
    assert first.admit(many(1), waited=True) == [None]
    assert waits_for(second.admit(many(1), waited=True)) == [GMAIL], "so soon there is no other"


def test_so_many_are_at_it_at_once(set_conf: SetConf) -> None:
    set_conf(email_domain_limits="gmail.com=,2")
    first, second, third = attempt(), attempt(), attempt()
    assert first.admit(many(20)) == second.admit(many(20)) == [None] * 20

    assert waits_for(third.admit(many(2))) == [GMAIL] * 2

    first.admit(many(3, "other.example"))
    assert third.admit(many(2)) == [None, None], "the first is at something else"
    assert waits_for(first.admit(many(1))) == [GMAIL]
    second.leave()
    assert first.admit(many(1)) == [None]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "queued", "holder": None, "lease": None, "ready": True},
        {"state": "scheduled", "holder": None, "lease": None, "run_at": "2030-01-01T00:00:00Z"},
        {"attempt": 2},
    ],
    ids=["rescued", "put-aside", "next-attempt"],
)
def test_a_place_goes_with_its_attempt(set_conf: SetConf, change: dict[str, Any]) -> None:
    """Died after: it got its place. Nobody gives that back."""
    set_conf(email_domain_limits="gmail.com=,1")
    job = make_job("running")
    assert attempt(job).admit(many(1)) == [None]
    assert waits_for(attempt().admit(many(1))) == [GMAIL]

    Job.objects.filter(pk=job.pk).update(**change)

    assert attempt().admit(many(1)) == [None]


def test_the_place_of_a_job_that_was_purged_is_free_after_a_while(
    set_conf: SetConf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may also be younger than the snapshot of who asks: then it is at it."""
    set_conf(email_domain_limits="gmail.com=,1")
    job = make_job("running")
    attempt(job).admit(many(1))
    job.delete()
    assert waits_for(attempt().admit(many(1))) == [GMAIL]

    row = MailTraffic.objects.get()
    MailTraffic.objects.update(holders={name: since - 61 for name, since in row.holders.items()})

    assert attempt().admit(many(1)) == [None]


def test_the_account_is_shared_by_all_domains(set_conf: SetConf) -> None:
    set_conf(email_account_limit="5/m,2", email_domain_limits="gmail.com=2/m")

    found = attempt().admit([*many(3), *many(4, "other.example")])

    assert waits_for(found) == ["", "", GMAIL, "", "", "", ACCOUNT]


def test_the_place_at_the_account_is_kept_as_long_as_the_connection_is(set_conf: SetConf) -> None:
    set_conf(email_account_limit=",1", email_domain_limits="gmail.com=1/h")
    first, second = attempt(), attempt()
    assert waits_for(first.admit(many(2))) == ["", GMAIL]

    assert waits_for(first.admit(many(1), waited=True)) == [GMAIL]
    assert waits_for(second.admit(many(1, "other.example"))) == [ACCOUNT]

    first.leave()
    assert second.admit(many(1, "other.example")) == [None]


def test_domains_that_are_joined_share_a_limit(set_conf: SetConf) -> None:
    set_conf(email_domain_limits="gmail.com+googlemail.com=3/m")

    found = attempt().admit([*many(2), *many(2, "googlemail.com")])

    assert waits_for(found) == ["", "", "", GMAIL]


def test_who_asks_to_be_left_alone_is_left_alone_by_all_for_longer_each_time(set_conf: SetConf) -> None:
    set_conf(email_pause_seconds=100)
    first = traffic.put_off(ACCOUNT, "421 Later", Off.ASKED)
    late = traffic.put_off(ACCOUNT, "421 Later", Off.ASKED)

    assert 90 < first.seconds <= 100
    assert 90 < late.seconds <= 100, "who hears the same changes nothing"
    assert waits_for(attempt().admit(many(2))) == [ACCOUNT] * 2

    time_passes(101)
    one = attempt()
    found = one.admit(many(3))
    assert waits_for(found) == ["", ACCOUNT, ACCOUNT], "one tries"
    assert found[1] is not None
    assert PROBE_SECONDS <= found[1].seconds < PROBE_SECONDS + 2
    assert waits_for(attempt().admit(many(2))) == [ACCOUNT] * 2, "and all others wait for it"
    assert 190 < one.put_off(ACCOUNT, "421 Later", Off.ASKED).seconds <= 200


def test_once_it_was_heard_everybody_may_go(set_conf: SetConf) -> None:
    traffic.put_off(GMAIL, "450 4.7.28 Too much", Off.ASKED)
    time_passes(1000)
    one = attempt()
    assert waits_for(one.admit([*many(2), *many(1, "other.example")])) == ["", GMAIL, ""]

    assert one.heard({GMAIL, ACCOUNT}) == {GMAIL}

    assert attempt().admit(many(3)) == [None] * 3


def test_who_tries_and_dies_is_followed_by_another(set_conf: SetConf) -> None:
    """Died after: it was told to try."""
    traffic.put_off(ACCOUNT, "421 Later", Off.ASKED)
    time_passes(1000)
    attempt().admit(many(1))
    assert waits_for(attempt().admit(many(1))) == [ACCOUNT]

    time_passes(PROBE_SECONDS + 1)

    assert attempt().admit(many(1)) == [None]


def test_what_nobody_asked_about_for_a_day_is_forgotten(set_conf: SetConf) -> None:
    set_conf(email_domain_limits="*=10/m")
    attempt().admit([*many(1), *many(1, "other.example")])
    MailTraffic.objects.filter(key=GMAIL).update(earliest=1, booked=0)

    assert traffic.idle_traffic(10) == [GMAIL]
    assert traffic.forget_traffic([GMAIL, "domain=other.example"]) == 1
    assert [row.key for row in MailTraffic.objects.all()] == ["domain=other.example"]
    assert attempt().admit(many(1)) == [None], "it is made again"


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_together_get_no_more_than_there_is(set_conf: SetConf) -> None:
    """The race: all read the same row before any of them has written it."""
    set_conf(email_domain_limits="gmail.com=100/h,3 other.example=50/h")
    jobs = [make_job("running") for _ in range(8)]
    got: list[str] = []
    at_it: list[int] = []
    present, lock, start = 0, threading.Lock(), threading.Barrier(len(jobs))

    def ask(job: Job) -> None:
        nonlocal present
        db = OwnDatabase("test")
        mine = attempt(job, db)
        start.wait()
        for _ in range(20):
            addresses = [*many(3), *many(2, "other.example")]
            went = [
                address
                for address, hold in zip(addresses, mine.admit(addresses, waited=True), strict=True)
                if hold is None
            ]
            is_placed = any(address.endswith("gmail.com") for address in went)
            with lock:
                got.extend(went)
                present += is_placed
                at_it.append(present)
            with lock:
                present -= is_placed
            mine.leave()
        db.close()

    run_all([lambda job=job: ask(job) for job in jobs])

    assert len([address for address in got if address.endswith("gmail.com")]) == 100
    assert len([address for address in got if address.endswith("other.example")]) == 50
    assert max(at_it) <= 3


def run_all(calls: list[Callable[[], None]]) -> None:
    """Each in a thread of its own; what one raises is raised."""
    errors: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - for the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


def test_why_a_key_is_left_alone_names_nobody() -> None:
    """Whoever waits for it reads that, and it may be about somebody else's recipient."""
    traffic.put_off("account=x", "It refuses: 535 <alice@gmail.com> is locked", Off.AWAY)

    assert MailTraffic.objects.get().off_why == "It refuses: 535 <…> is locked"


def test_it_is_in_the_way_of_jobs_that_wait_for_its_worker_alone() -> None:
    """A paused queue, and one that others hear, need nobody to hurry."""
    worker = Worker.objects.create(
        id=uuid7(), name="here", pid=1, version="", queues=["email", "paused"], kinds=[], slots=1
    )
    Queue.objects.create(name="paused", is_paused=True)
    mine = attempt(make_job("running", queue="email", holder=make_holder(worker.id, 7)))
    make_job(queue="elsewhere")
    make_job(queue="paused")
    make_job("running", queue="email")
    assert not mine.is_in_the_way

    make_job(queue="email")
    assert mine.is_in_the_way
