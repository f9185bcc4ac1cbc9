"""Suppressions and the page to unsubscribe in a browser: by hand, from a file, and on a phone."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from jobs.mail.suppression import Entry, suppress
from jobs.mail.unsubscribe import unsubscribe_link
from jobs.models.suppression import Suppressed
from tests.e2e.test_browser import WIDTH

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ADA = "ada@example.org"
LONG = f"{'long' * 16}@{'very.' * 20}example.org"


def fill(owner: User) -> None:
    """One of every reason, and one that is hard to fit in."""
    told = {
        Suppressed.BOUNCED: (
            "smtp",
            "550 5.1.1 <grace@example.org>: Recipient address rejected: User unknown",
        ),
        Suppressed.BY_HAND: ("page", "Asked by telephone, comes back from leave in spring."),
        Suppressed.UNSUBSCRIBED: ("link", ""),
        Suppressed.COMPLAINED: ("report", "abuse"),
    }
    for reason, (source, note) in told.items():
        entry = Entry(
            address=f"{reason.value}@example.org", reason=reason, source=source, note=note, job=uuid4()
        )
        suppress(owner.pk, [entry])
    suppress(owner.pk, [Entry(address=LONG, reason=Suppressed.BOUNCED, source="report", note="x" * 500)])


def forgive(visit: Any) -> None:
    """A refused form is answered with 422, which the browser notes."""
    assert [each for each in visit.complaints if "422" not in each] == []
    visit.complaints.clear()


def test_addresses_come_and_go(visit: Any, submitter: User) -> None:
    alice = visit(submitter)
    page = alice.page
    page.goto("/suppressions")
    page.get_by_role("textbox", name="Addresses").fill(f"{ADA}\nnobody")
    page.get_by_role("button", name="Suppress them").click()
    expect(page.get_by_text("“nobody” is not a mail address")).to_be_visible()
    forgive(alice)

    page.get_by_role("textbox", name="Addresses").fill(ADA)
    page.get_by_role("button", name="Suppress them").click()
    expect(page.get_by_text("1 address is suppressed now.")).to_be_visible()
    page.get_by_role("button", name=f"Lift {ADA}").click()

    expect(page.get_by_text("Nobody is left out")).to_be_visible()


def test_a_file_is_taken_in_and_its_bad_lines_are_named(visit: Any, submitter: User) -> None:
    alice = visit(submitter, script=False)
    page = alice.page
    page.goto("/suppressions")
    content = f"address\n{ADA}\nnobody\n".encode()
    page.get_by_label("CSV file").set_input_files(
        {"name": "l.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Import").click()

    expect(page.get_by_role("alert")).to_contain_text("1 line of the file was left out.")
    expect(page.get_by_role("row", name="3 'nobody' is not a mail address")).to_be_visible()
    expect(page.get_by_role("list").filter(has_text=ADA)).to_be_visible()
    forgive(alice)


def test_a_reader_unsubscribes_with_one_click_and_without_script(visit: Any, submitter: User) -> None:
    page = visit(script=False, width=390).page
    page.goto(urlsplit(unsubscribe_link(submitter.pk, uuid4(), ADA)).path)

    page.get_by_role("button", name="Unsubscribe").click()

    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(visit: Any, submitter: User, width: int) -> None:
    fill(submitter)
    page = visit(submitter, width=width).page
    for path in ("/suppressions", urlsplit(unsubscribe_link(submitter.pk, uuid4(), LONG)).path):
        page.goto(path)

        assert page.evaluate(WIDTH) <= 0, path
