"""The outbox: whoever moves a job writes what endpoints are to hear, in the same transaction."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from uuid_utils.compat import uuid7

from jobs.attempt import Outcome
from jobs.database import DJANGO, OwnDatabase
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.claim import Asking
from jobs.lifecycle.exchange import exchange_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.lifecycle.release import release_jobs
from jobs.lifecycle.rescue import rescue_expired
from jobs.models import Job, Webhook, WebhookDelivery
from jobs.outbox import CARRIER
from jobs.retry import Retry
from jobs.states import Code, State
from jobs.webhooks.carry import carry_deliveries
from jobs.webhooks.endpoints import EVENTS, delete_endpoint
from tests.factories import make_job, make_user
from tests.jobs.lifecycle.test_other_verbs import PAST

pytestmark = pytest.mark.django_db


def hear(owner: Any = None, events: Any = EVENTS, **fields: Any) -> Webhook:
    """An endpoint, whatever its address."""
    columns = {"url": "https://example.org/", "events": list(events)} | fields
    return Webhook.objects.create(id=uuid7(), owner=owner or make_user(), **columns)


def finish(job: Job, state: State = State.SUCCEEDED, **fields: Any) -> None:
    if state is State.RETRYING:
        fields |= {"delay": Retry().first}
    outcome = Outcome(job=job.id, kind=job.kind, attempt=job.attempt, state=state, **fields)
    assert job.holder
    assert finish_jobs([outcome], holder=job.holder, db=DJANGO)


def told() -> list[tuple[Any, str]]:
    return list(WebhookDelivery.objects.order_by("at").values_list("job", "event"))


# -- who moves a job -------------------------------------------------------------------------------


def test_a_success_is_told(alice: Any) -> None:
    hook, job = hear(), make_job("running", kind="test.ok", queue="images")

    finish(job)

    job.refresh_from_db()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.webhook_id, delivery.job, delivery.event) == (hook.id, job.id, "job.succeeded")
    assert (delivery.kind, delivery.queue, delivery.code) == ("test.ok", "images", "ok")
    assert (delivery.attempt, delivery.version) == (1, job.version)
    assert (delivery.carrier, delivery.delivered_at) == (None, None)


def test_a_success_in_an_exchange_is_told() -> None:
    """The way nearly every job ends: recorded and the next claimed in one statement."""
    hear()
    holder = uuid4()
    ended = [make_job("running", holder=holder) for _ in range(3)]
    lost, waiting = make_job("running"), make_job()
    outcomes = [
        Outcome(job=job.id, kind=job.kind, attempt=1, state=State.SUCCEEDED) for job in (*ended, lost)
    ]

    _, claimed = exchange_jobs(
        outcomes, Asking(queue="default", holder=holder, kinds={"test.ok": 1}), db=DJANGO
    )

    assert [job.id for job in claimed] == [waiting.id]
    assert {job for job, _ in told()} == {job.id for job in ended}


@pytest.mark.parametrize(
    ("state", "event"),
    [(State.FAILED, "job.failed"), (State.RETRYING, "job.retrying"), (State.CANCELLED, "job.cancelled")],
)
def test_an_attempt_that_did_not_succeed_is_told(state: State, event: str) -> None:
    hear()
    job = make_job("running")

    finish(job, state, code=Code.ERROR, was_troubled=True)

    assert told() == [(job.id, event)]


def test_a_cancellation_of_what_waits_is_told_and_the_asking_of_what_runs_is_not() -> None:
    hear()
    waiting, running = make_job(), make_job("running")

    cancel_jobs([waiting.id, running.id], actor="alice")

    assert told() == [(waiting.id, "job.cancelled")]


def test_a_cancellation_at_the_hand_of_a_stopping_worker_is_told_and_a_handing_back_is_not() -> None:
    hear()
    holder = uuid4()
    asked, kept = make_job("running", holder=holder, cancel_asked=True), make_job("running", holder=holder)

    release_jobs({asked.id: 1, kept.id: 1}, holder=holder, db=DJANGO)

    assert told() == [(asked.id, "job.cancelled")]


def test_a_rescue_that_gives_a_job_up_is_told_and_one_that_does_not_is_not() -> None:
    hear()
    spent = make_job("running", lease=PAST, crashes=2)
    make_job("running", lease=PAST)

    rescue_expired()

    assert told() == [(spent.id, "job.failed")]


def test_what_is_rolled_back_is_not_told() -> None:
    hear()
    job = make_job("running")

    with transaction.atomic():
        finish(job)
        transaction.set_rollback(True)

    assert told() == []


# -- who hears of it -------------------------------------------------------------------------------


def test_others_hear_nothing(alice: Any, charlie: Any) -> None:
    hear(charlie)

    finish(make_job("running", owner=alice))

    assert told() == []


def test_an_endpoint_for_all_hears_of_everybody(alice: Any, charlie: Any) -> None:
    hear(charlie, is_for_all=True)
    job = make_job("running", owner=alice)

    finish(job)

    assert told() == [(job.id, "job.succeeded")]


@pytest.mark.parametrize(
    ("fields", "hears"),
    [
        ({"events": ["job.failed"]}, False),
        ({"events": ["job.failed", "job.succeeded"]}, True),
        ({"kinds": ["test.ok"]}, True),
        ({"kinds": ["test.other"]}, False),
        ({"queues": ["default", "images"]}, True),
        ({"queues": ["images"]}, False),
        ({"kinds": ["test.ok"], "queues": ["images"]}, False),
        ({"is_enabled": False}, False),
    ],
)
def test_an_endpoint_hears_what_it_asked_for(fields: dict[str, Any], hears: bool) -> None:
    hook = hear(**fields)
    hear(make_user("charlie"))  # so that somebody listens at all

    finish(make_job("running"))

    assert WebhookDelivery.objects.filter(webhook=hook).exists() is hears


def test_a_delivery_makes_no_event_of_its_own() -> None:
    hear()
    hear(make_user("bob"), is_for_all=True)

    finish(make_job("running", kind=CARRIER))
    finish(make_job("running", kind=CARRIER), State.FAILED, was_troubled=True)

    assert told() == []


def test_an_endpoint_that_is_deleted_while_a_job_ends_does_not_hinder_it() -> None:
    """The race: the statement saw the endpoint; no foreign key fails it afterwards."""
    hook, job = hear(), make_job("running")
    finish(job)

    Webhook.objects.filter(pk=hook.pk).delete()

    assert WebhookDelivery.objects.count() == 1
    assert carry_deliveries() == 0


# -- who carries it --------------------------------------------------------------------------------


def test_an_event_gets_one_job_of_the_endpoints_owner(rung: list[str], charlie: Any) -> None:
    hook = hear(charlie, is_for_all=True)
    finish(make_job("running"))

    assert carry_deliveries() == 1
    assert carry_deliveries() == 0

    job = Job.objects.get(kind=CARRIER)
    delivery = WebhookDelivery.objects.get()
    assert (job.owner, job.queue, job.state) == (charlie, "webhooks", "queued")
    assert job.payload == {"webhook": str(hook.id), "delivery": str(delivery.id)}
    assert delivery.carrier == job.id


@pytest.mark.django_db(transaction=True)
def test_two_timers_at_once_make_one_job(own: OwnDatabase) -> None:
    """The race: one has locked the event and not committed; the other passes by."""
    hear()
    finish(make_job("running"))
    own.rows("SET lock_timeout = '5s'")

    with transaction.atomic():
        assert carry_deliveries() == 1
        assert carry_deliveries(db=own) == 0

    assert Job.objects.filter(kind=CARRIER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_flood_is_carried_in_one_turn(own: OwnDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = hear()
    monkeypatch.setattr("jobs.webhooks.carry.CHUNK", 10)
    monkeypatch.setattr("jobs.webhooks.carry.TURN_SECONDS", 60)
    WebhookDelivery.objects.bulk_create(
        [WebhookDelivery(webhook=hook, event="job.failed") for _ in range(35)]
    )

    assert carry_deliveries(db=own) == 35
    assert WebhookDelivery.objects.filter(carrier=None).count() == 0
    assert Job.objects.filter(kind=CARRIER, ready=True).count() == 2, "no more than may run at once"


def test_what_waits_for_a_deleted_endpoint_is_carried_by_nobody() -> None:
    hook = hear()
    finish(make_job("running"))

    delete_endpoint(hook)

    assert not Webhook.objects.exists()
    assert carry_deliveries() == 0
