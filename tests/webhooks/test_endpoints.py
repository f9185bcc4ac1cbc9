"""Endpoints: whose they are, what is refused, what is kept; replay and the age of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from jobs.errors import BadPayload, NotAllowed, NotFound, NotPossible, Refusal
from jobs.models import Job, Webhook, WebhookDelivery, WebhookSecret, WebhookTry
from jobs.webhooks import endpoints, guard
from jobs.webhooks.age import forget_deliveries, old_deliveries, orphan_deliveries
from jobs.webhooks.deliveries import find_delivery, newest_deliveries
from jobs.webhooks.endpoints import (
    Wish,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    find_endpoint,
    visible_endpoints,
)
from jobs.webhooks.replay import replay_delivery, replay_failed, send_test
from jobs.webhooks.secrets import key_of, rotate_secret, valid_secrets
from tests.factories import make_job
from tests.webhooks.conftest import SetConf, make_endpoint, make_endpoint_and_secret, operator, submitter
from tests.webhooks.receiver import Receiver
from workers.leftovers import areas

pytestmark = pytest.mark.django_db


def test_an_endpoint_hears_of_what_ends_and_has_a_secret_of_its_own(inbox: Receiver) -> None:
    hook, secret = make_endpoint_and_secret(inbox.url)

    assert hook.events == ["job.succeeded", "job.failed", "job.cancelled"]
    assert (hook.is_enabled, hook.is_for_all, hook.kinds, hook.queues) == (True, False, [], [])
    assert secret.startswith("whsec_")
    assert 24 <= len(key_of(secret)) <= 64
    assert valid_secrets(hook) == [secret]


def test_who_may_not_submit_may_not_listen(inbox: Receiver, alice: User) -> None:
    with pytest.raises(NotAllowed, match="submitter"):
        create_endpoint(alice, Wish(url=inbox.url))


def test_only_operators_hear_of_everybody(inbox: Receiver, alice: User, bob: User) -> None:
    with pytest.raises(NotAllowed, match="operators"):
        make_endpoint(inbox.url, is_for_all=True)

    hook = make_endpoint(inbox.url, operator(bob), is_for_all=True)
    assert hook.is_for_all


def test_an_operator_cannot_make_others_hear_of_everybody(inbox: Receiver, bob: User) -> None:
    hook = make_endpoint(inbox.url)

    with pytest.raises(NotAllowed):
        change_endpoint(hook, Wish(url=inbox.url, is_for_all=True), actor=operator(bob))


def test_everything_that_is_wrong_is_named_at_once(inbox: Receiver) -> None:
    with pytest.raises(BadPayload) as caught:
        make_endpoint(
            "http://10.0.0.1/", events=["job.done"], kinds=["email.sent", "test.ok"], queues=["No Queue"],
            description="x" * 201,
        )  # fmt: skip

    found = {problem.where: problem.why for problem in caught.value.problems}
    assert set(found) == {("url",), ("events", 0), ("kinds", 0), ("queues", 0), ("description",)}
    assert "not a public address" in found["url",]
    assert "did you mean 'email.send'?" in found["kinds", 0]
    assert not Webhook.objects.exists()


def test_no_event_is_no_wish(inbox: Receiver) -> None:
    with pytest.raises(BadPayload, match="at least one"):
        make_endpoint(inbox.url, events=[])


def test_whoever_makes_an_endpoint_waits_for_its_name_no_longer_than_a_delivery_may(
    inbox: Receiver, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a web request that waits, and the worker looks the name up again."""
    end = Event()
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *a, **k: end.wait() and [])
    monkeypatch.setattr(endpoints, "LOOK_UP_SECONDS", 0.05)

    with pytest.raises(BadPayload, match=r"within 0\.05 s"):
        create_endpoint(submitter(alice), Wish(url=inbox.url))
    end.set()


def test_an_owner_has_only_so_many(inbox: Receiver, set_conf: SetConf) -> None:
    set_conf(webhooks_per_owner=1)
    make_endpoint(inbox.url)

    with pytest.raises(Refusal, match="1 endpoints, which is the limit"):
        make_endpoint(inbox.url)


def test_others_endpoints_are_not_there(inbox: Receiver, alice: User, charlie: User, bob: User) -> None:
    hook = make_endpoint(inbox.url, alice)

    assert find_endpoint(alice, hook.id) == hook
    assert find_endpoint(operator(bob), hook.id) == hook
    with pytest.raises(NotFound):
        find_endpoint(charlie, hook.id)
    assert not visible_endpoints(submitter(charlie)).exists()


def test_a_change_keeps_the_secret_and_is_judged_alike(inbox: Receiver, alice: User) -> None:
    hook, secret = make_endpoint_and_secret(inbox.url)

    change_endpoint(hook, Wish(url=inbox.url + "/2", events=["job.failed", "job.failed"]), actor=alice)

    hook.refresh_from_db()
    assert (hook.url, hook.events) == (inbox.url + "/2", ["job.failed"])
    assert valid_secrets(hook) == [secret]
    with pytest.raises(BadPayload):
        change_endpoint(hook, Wish(url="https://10.0.0.1/"), actor=alice)


def test_of_three_secrets_two_sign(inbox: Receiver) -> None:
    hook, first = make_endpoint_and_secret(inbox.url)

    second, third = rotate_secret(hook), rotate_secret(hook)

    assert valid_secrets(hook) == [third, second]
    assert first not in valid_secrets(hook)
    assert WebhookSecret.objects.count() == 2


# -- replay ----------------------------------------------------------------------------------------


def make_delivery(hook: Webhook, carrier: Job | None = None, **fields: Any) -> WebhookDelivery:
    columns = {"event": "job.succeeded", "carrier": carrier.id if carrier else uuid4()} | fields
    delivery = WebhookDelivery.objects.create(webhook=hook, **columns)
    delivery.refresh_from_db()
    return delivery


def is_waiting(delivery: WebhookDelivery) -> bool:
    delivery.refresh_from_db()
    return delivery.carrier is None and delivery.delivered_at is None


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", None])
def test_what_has_ended_is_sent_again_when_asked(inbox: Receiver, state: str | None) -> None:
    hook = make_endpoint(inbox.url)
    carrier = make_job(state) if state else None  # purged
    delivery = make_delivery(hook, carrier, delivered_at=Now() if state == "succeeded" else None)

    replay_delivery(hook, delivery.id)

    assert is_waiting(delivery)


@pytest.mark.parametrize("state", ["queued", "running", "retrying", "scheduled"])
def test_what_is_under_way_is_not_sent_twice(inbox: Receiver, state: str) -> None:
    hook = make_endpoint(inbox.url)
    delivery = make_delivery(hook, make_job(state))

    with pytest.raises(NotPossible, match="under way"):
        replay_delivery(hook, delivery.id)
    assert replay_failed(hook, datetime(2000, 1, 1, tzinfo=UTC)) == 0
    assert not is_waiting(delivery)


def test_all_that_failed_since_then_is_sent_again_and_nothing_else(inbox: Receiver, charlie: User) -> None:
    hook, other = make_endpoint(inbox.url), make_endpoint(inbox.url, charlie)
    since = datetime.now(UTC) - timedelta(hours=1)
    failed = [make_delivery(hook, make_job("failed")), make_delivery(hook)]
    rest = [
        make_delivery(hook, make_job("failed"), at=since - timedelta(seconds=1)),
        make_delivery(hook, make_job("succeeded"), delivered_at=Now()),
        make_delivery(hook, make_job("retrying")),
        make_delivery(other, make_job("failed")),
    ]

    assert replay_failed(hook, since) == 2

    assert [is_waiting(one) for one in failed + rest] == [True, True, False, False, False, False]


def test_a_switched_off_endpoint_is_sent_nothing(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    delivery = make_delivery(hook)
    disable_endpoint(hook, why="Holidays.")

    for act in (
        lambda: send_test(hook),
        lambda: replay_delivery(hook, delivery.id),
        lambda: replay_failed(hook, datetime.now(UTC)),
    ):
        with pytest.raises(NotPossible, match="Enable it first"):
            act()

    enable_endpoint(hook)
    replay_delivery(hook, delivery.id)
    assert (hook.disabled_reason, hook.failing_since) == ("", None)


# -- the log ---------------------------------------------------------------------------------------


def test_the_log_goes_page_by_page(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    same = datetime.now(UTC)
    for number in range(5):
        make_delivery(hook, at=same if number < 3 else same + timedelta(seconds=number))

    seen: list[Any] = []
    before = None
    while page := newest_deliveries(hook, 2, before=before):
        seen += [line.delivery.id for line in page]
        before = (page[-1].delivery.at, page[-1].delivery.id)

    assert seen == list(WebhookDelivery.objects.order_by("-at", "-id").values_list("id", flat=True))


def test_a_delivery_of_another_endpoint_is_not_found(inbox: Receiver, charlie: User) -> None:
    delivery = make_delivery(make_endpoint(inbox.url, charlie))

    with pytest.raises(NotFound):
        find_delivery(make_endpoint(inbox.url), delivery.id)


def test_the_log_is_forgotten_with_its_tries_when_its_time_is_over(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    old = make_delivery(hook, at=Now() - timedelta(days=14, seconds=1))
    new = make_delivery(hook)
    for delivery in (old, new):
        WebhookTry.objects.create(delivery=delivery, milliseconds=1)

    assert old_deliveries(10) == [old.id]
    assert forget_deliveries([old.id]) == 1

    assert list(WebhookDelivery.objects.all()) == [new]
    assert WebhookTry.objects.get().delivery_id == new.id
    assert "deliveries" in {area.name for area in areas()}


def test_deleting_an_endpoint_leaves_its_log_to_the_sweep(inbox: Receiver) -> None:
    """However long the log is, the request that deletes it waits for none of that."""
    kept, gone = make_endpoint(inbox.url), make_endpoint(inbox.url)
    others, orphans = [[make_delivery(hook) for _ in range(3)] for hook in (kept, gone)]
    for delivery in (*others, *orphans):
        WebhookTry.objects.create(delivery=delivery, milliseconds=1)

    delete_endpoint(gone)

    assert not WebhookSecret.objects.filter(webhook_id=gone.pk).exists()
    assert WebhookDelivery.objects.count() == 6
    [sweep] = [area for area in areas() if area.name == "orphan_deliveries"]
    assert sweep.delete(sweep.find(2)) == 2
    assert set(sweep.find(10)) < {one.id for one in orphans}
    assert sweep.delete(sweep.find(10)) == 1
    assert sweep.find(10) == []
    assert set(WebhookDelivery.objects.all()) == set(others)
    assert set(WebhookTry.objects.values_list("delivery", flat=True)) == {one.id for one in others}


def test_where_there_is_no_delivery_nothing_is_left_over(db: None) -> None:
    assert orphan_deliveries(10) == []
