"""The pages of webhook endpoints: make one, see its secret once, change, test, replay and delete it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from jobs.errors import Busy
from jobs.models import Webhook, WebhookDelivery, WebhookSecret
from jobs.webhooks.endpoints import disable_endpoint
from jobs.webhooks.secrets import unseal, valid_secrets
from tests.factories import make_job
from tests.webhooks.conftest import inbox, make_endpoint, operator, set_conf, submitter
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_endpoints import make_delivery

__all__ = ["inbox", "set_conf"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def page(alice: User, client: Client) -> Client:
    client.force_login(submitter(alice))
    return client


def make(page: Client, url: str, **fields: object) -> Any:
    return page.post("/webhooks/new", {"url": url, "events": ["job.failed"]} | fields)


def test_a_new_endpoint_shows_its_secret_once(page: Client, inbox: Receiver, alice: User) -> None:
    answer = page.post(
        "/webhooks/new",
        {
            "url": inbox.url, "events": ["job.failed"], "kinds": ["email.send"], "queues": "email\n",
            "description": "Desk",
        },
    )  # fmt: skip

    hook = Webhook.objects.get()
    assert answer.headers["Location"] == f"/webhooks/{hook.id}"
    assert (hook.owner, hook.events, hook.kinds, hook.queues, hook.description) == (
        alice, ["job.failed"], ["email.send"], ["email"], "Desk",
    )  # fmt: skip
    [secret] = valid_secrets(hook)
    assert not any(secret in str(session.get_decoded()) for session in Session.objects.all())
    first, second = (page.get(f"/webhooks/{hook.id}") for _ in range(2))
    assert secret in first.content.decode()
    assert "whsec_" not in second.content.decode()
    assert "no-store" in first.headers["Cache-Control"]


def test_what_is_wrong_is_said_at_its_field(page: Client, inbox: Receiver) -> None:
    answer = page.post("/webhooks/new", {"url": "http://10.0.0.1/", "queues": "No Queue"})

    text = answer.content.decode()
    assert answer.status_code == 200
    assert "This field is required" in text
    text = make(page, "http://10.0.0.1/", queues="No Queue").content.decode()
    assert "10.0.0.1 is not a public address" in text
    assert "is no name of a queue" in text
    assert not Webhook.objects.exists()


def test_what_cannot_be_looked_up_now_keeps_what_was_typed(
    page: Client, inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(url: str, *, seconds: float) -> Any:
        raise Busy("localhost could not be looked up now. Please try again.", 5)

    monkeypatch.setattr("jobs.webhooks.endpoints.aim", busy)

    text = make(page, inbox.url, description="Desk").content.decode()

    assert "could not be looked up now" in text
    assert inbox.url in text
    assert not Webhook.objects.exists()


def test_only_operators_are_offered_everybodys_jobs(page: Client, inbox: Receiver, bob: User) -> None:
    assert "is_for_all" not in page.get("/webhooks/new").content.decode()
    make(page, inbox.url, is_for_all="on")
    assert not Webhook.objects.get().is_for_all

    office = Client()
    office.force_login(operator(bob))
    make(office, inbox.url, is_for_all="on")
    assert Webhook.objects.get(owner=bob).is_for_all


def test_who_is_no_operator_any_more_does_not_see_what_hears_of_everybody(
    client: Client, inbox: Receiver, bob: User
) -> None:
    hook = make_endpoint(inbox.url, operator(bob), is_for_all=True, description="Control room")
    client.force_login(bob)
    assert "Control room" in client.get("/webhooks").content.decode()

    bob.groups.clear()

    assert "Control room" not in client.get("/webhooks").content.decode()
    assert client.get(f"/webhooks/{hook.id}").status_code == 404
    assert client.post(f"/webhooks/{hook.id}/rotate").status_code == 404


def test_who_may_not_submit_is_told_so(client: Client, charlie: User) -> None:
    client.force_login(charlie)

    assert client.get("/webhooks/new").status_code == 403
    assert "/webhooks/new" not in client.get("/webhooks").content.decode()


def test_a_change_keeps_what_was_there(page: Client, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url, queues=["email"])
    form = page.get(f"/webhooks/{hook.id}/edit").content.decode()
    assert inbox.url in form
    assert ">email</textarea>" in form.replace("\n", "")

    page.post(f"/webhooks/{hook.id}/edit", {"url": inbox.url, "events": ["job.retrying"], "queues": ""})

    hook.refresh_from_db()
    assert (hook.events, hook.queues) == (["job.retrying"], [])


@pytest.mark.parametrize("act", ["test", "rotate", "disable", "enable", "delete", "replay"])
def test_every_act_is_done_and_said(page: Client, inbox: Receiver, act: str) -> None:
    hook = make_endpoint(inbox.url)
    make_delivery(hook, make_job("failed"))
    if act == "enable":
        disable_endpoint(hook, why="Holidays.")

    answer = page.post(f"/webhooks/{hook.id}/{act}", follow=True)

    assert 'class="notice success"' in answer.content.decode()
    match act:
        case "test":
            assert WebhookDelivery.objects.filter(event="webhook.test", carrier=None).exists()
        case "rotate":
            newest = WebhookSecret.objects.latest("id")
            assert unseal(newest.sealed) in answer.content.decode()
        case "disable":
            hook.refresh_from_db()
            assert hook.disabled_reason == "alice switched it off."
        case "enable":
            hook.refresh_from_db()
            assert hook.is_enabled
        case "delete":
            assert not Webhook.objects.exists()
        case "replay":
            assert WebhookDelivery.objects.filter(carrier=None).count() == 1


def test_an_act_nobody_knows_is_not_there(page: Client, inbox: Receiver) -> None:
    assert page.post(f"/webhooks/{make_endpoint(inbox.url).id}/explode").status_code == 404


def test_one_delivery_is_sent_again_or_the_page_says_why_not(page: Client, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    done, moving = make_delivery(hook, make_job("failed")), make_delivery(hook, make_job("retrying"))

    good = page.post(f"/webhooks/{hook.id}/replay/{done.id}", follow=True).content.decode()
    bad = page.post(f"/webhooks/{hook.id}/replay/{moving.id}", follow=True).content.decode()

    assert "sent again, under the same id" in good
    assert "still under way" in bad


def test_a_switched_off_endpoint_says_why_and_offers_no_test(page: Client, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    disable_endpoint(hook, why="It answered 410 Gone.")

    text = page.get(f"/webhooks/{hook.id}").content.decode()

    assert "Switched off: It answered 410 Gone." in text
    assert "Send a test" not in text
    said = page.post(f"/webhooks/{hook.id}/test", follow=True).content.decode()
    assert "Enable it first" in said


def test_the_live_part_is_the_log_alone(page: Client, inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)

    part = page.get(f"/webhooks/{hook.id}", headers={"HX-Request": "true"}).content.decode()

    assert part.startswith('<section id="live"')
    assert "<html" not in part
