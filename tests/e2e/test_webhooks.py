"""Webhook endpoints in a browser: from the form to the secret and the log, on a desk and on a phone."""

import re

import pytest
from django.db.models.functions import Now
from playwright.sync_api import expect

from jobs.models import Webhook, WebhookDelivery, WebhookTry
from tests.e2e.test_browser import WIDTH
from tests.factories import make_job
from tests.webhooks.conftest import inbox, set_conf

__all__ = ["inbox", "set_conf"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fill_log(hook: Webhook) -> None:
    """Deliveries of every sort."""
    sorts = (
        ("job.succeeded", "succeeded", [(204, "", "")], True),
        ("job.failed", "retrying", [(503, "Service Unavailable", "The endpoint answered 503.")], False),
        ("job.cancelled", "failed", [(None, "", "There was no answer within 20 s.")] * 10, False),
        ("webhook.test", "succeeded", [(200, "ok", "")], True),
    )
    for event, state, tries, is_delivered in sorts:
        about = (
            None if event == "webhook.test" else make_job("succeeded", kind="reports.build", owner=hook.owner)
        )
        delivery = WebhookDelivery.objects.create(
            webhook=hook, event=event, job=about and about.id, kind="reports.build" if about else "",
            carrier=make_job(state, kind="webhooks.deliver", owner=hook.owner).id,
            delivered_at=Now() if is_delivered else None,
        )  # fmt: skip
        for status, answer, error in tries:
            WebhookTry.objects.create(
                delivery=delivery, status=status, milliseconds=84, answer=answer, error=error
            )
    WebhookDelivery.objects.create(webhook=hook, event="job.failed", kind="email.send", job=make_job().id)


def test_an_endpoint_from_the_form_to_its_end(visit, submitter, inbox):
    page = visit(submitter).page
    page.goto("/webhooks")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("Address").fill(inbox.url)
    page.get_by_label("Description").fill("The shop")
    page.get_by_role("button", name="Make the endpoint").click()
    page.wait_for_url("**/webhooks/*-*")
    expect(page.locator("#secret")).to_have_text(re.compile(r"^whsec_[A-Za-z0-9+/]{43}=$"))

    page.get_by_role("button", name="Send a test").click()

    expect(page.locator(".deliveries")).to_contain_text("webhook.test")
    expect(page.locator("#secret")).to_have_count(0)
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete this endpoint").click()
    page.wait_for_url("**/webhooks")
    expect(page.get_by_text("No endpoints yet")).to_be_visible()


def test_an_open_log_stays_open_while_the_page_looks_again(visit, submitter, inbox):
    hook = Webhook.objects.create(id=make_job().id, owner=submitter, url=inbox.url, events=["job.failed"])
    fill_log(hook)
    page = visit(submitter).page
    page.goto(f"/webhooks/{hook.id}")
    page.get_by_text("10 tries").click()

    with page.expect_response(lambda response: response.request.headers.get("hx-request") == "true"):
        pass

    expect(page.get_by_text("There was no answer within 20 s.").first).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(visit, submitter, inbox, width):
    hook = Webhook.objects.create(
        id=make_job().id, owner=submitter, url=inbox.url + "/" + "long" * 40, events=["job.failed"]
    )
    fill_log(hook)
    page = visit(submitter, width=width).page
    for path in ("/webhooks", "/webhooks/new", f"/webhooks/{hook.id}", f"/webhooks/{hook.id}/edit"):
        page.goto(path)

        assert page.evaluate(WIDTH) <= 0, path
