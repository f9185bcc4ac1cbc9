"""The box for filters offers what can be written next, to the keyboard and to the mouse."""

import pytest
from playwright.sync_api import Page, expect

from tests.factories import make_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(visit, submitter) -> Page:
    make_job("failed", owner=submitter)
    make_job("queued", owner=submitter)
    page = visit(submitter).page
    page.goto("/jobs")
    return page


def offered(page: Page) -> list[str]:
    return page.locator("#offers [role=option] code").all_inner_texts()


def test_the_keyboard_alone_writes_a_filter(page):
    page.keyboard.press("/")
    page.keyboard.type("st")
    assert offered(page) == ["state:", "started:"]
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("combobox", name="Filter")).to_have_attribute("aria-activedescendant", "offer-0")
    page.keyboard.press("Enter")
    assert "failed" in offered(page)
    page.keyboard.type("fa")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("#filter")).to_have_value("state:failed ")

    page.keyboard.press("Enter")

    page.wait_for_url("**/jobs?filter=state*failed*")
    expect(page.locator("ul.jobs .state")).to_have_text("failed")


def test_what_is_typed_without_choosing_is_sent_as_it_is(page):
    page.locator("#filter").press_sequentially("state:queued")

    page.keyboard.press("Enter")

    page.wait_for_url("**/jobs?filter=state*queued")


def test_escape_puts_the_offers_away_and_keeps_the_text(page):
    page.locator("#filter").press_sequentially("kind:im")
    expect(page.get_by_role("listbox")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("listbox", include_hidden=True)).to_be_hidden()
    expect(page.locator("#filter")).to_have_value("kind:im")


def test_a_click_takes_an_offer_and_keeps_the_minus_and_what_stands_around(page):
    box = page.locator("#filter")
    box.fill("queue:default created:today")
    box.evaluate("box => box.setSelectionRange(0, 0)")
    box.press_sequentially("-state:succeeded,")
    assert "succeeded" not in offered(page)

    page.get_by_role("listbox").get_by_role("option", name="cancelled").click()

    expect(box).to_have_value("-state:succeeded,cancelled queue:default created:today")


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_the_offers_stay_on_the_page(visit, submitter, width):
    page = visit(submitter, width=width).page
    page.goto("/jobs")

    page.locator("#filter").press_sequentially("s")

    box = page.get_by_role("listbox").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    assert box["width"] > 0.75 * width


def test_without_a_script_the_box_is_a_plain_form(visit, submitter):
    make_job("failed", owner=submitter)
    page = visit(submitter, script=False).page
    page.goto("/jobs")
    expect(page.get_by_role("listbox", include_hidden=True)).to_be_hidden()

    page.get_by_label("Filter").fill("state:failed")
    page.get_by_role("button", name="Find").click()

    expect(page.locator("ul.jobs .state")).to_have_text("failed")


def test_a_word_alone_is_offered_with_its_field(page):
    page.locator("#filter").press_sequentially("resi")

    assert offered(page) == ["kind:images.resize"]


def test_inside_quotes_nothing_is_offered(page):
    page.locator("#filter").press_sequentially('error:"state:fa')

    assert offered(page) == []
