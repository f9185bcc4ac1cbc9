"""A campaign in a browser: from the list to the preview, the job and the decision; on desk and phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from jobs.models import Item, Job
from jobs.states import ItemState
from tests.e2e.test_browser import WIDTH
from tests.factories import make_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GOOD = "email;name;language;sacks\nada@example.org;Ada Lovelace;en;3\nbruno@example.org;Bruno;de;12\n"
BAD = (
    GOOD
    + "nobody;;;1\nADA@example.org;Ada;;1\neve@example.org;Eve;;\nlong@example.org;"
    + "x" * 300
    + ";;1\n"
)
HTML = "<h1 style='color:#1f6f8b'>Hello {{ name }}</h1><p>{{ sacks }} sacks of flour are ready.</p>"


def fill_in(page: Page, folder: Path, content: str, html: str = "") -> None:
    (folder / "guests.csv").write_text(content)
    page.goto("/kinds/email.campaign")
    page.locator("[name=file]").set_input_files(folder / "guests.csv")
    page.locator("[name=subject]").fill("Your flour is ready, {{ name }}")
    page.locator("[name=text]").fill("Dear {{ name }},\n\n{{ sacks }} sacks are ready.")
    page.locator("[name=html]").fill(html)
    page.get_by_role("button", name="Check and preview").click()
    page.wait_for_url("**/drafts/*")


def decided(owner: object) -> Job:
    job = make_job("succeeded", kind="email.campaign", owner=owner, payload={})
    states = ["done"] * 5 + ["failed", "skipped", "uncertain", "uncertain"]
    for number, state in enumerate(states):
        Item.objects.create(job=job, key=f"guest{number}@example.org", state=state, given={"values": {}})
    return job


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without"])
def test_from_the_list_to_the_job(visit, submitter, tmp_path, files, script):
    page = visit(submitter, script=script).page
    fill_in(page, tmp_path, GOOD, html=HTML)

    expect(page.get_by_text("Ada Lovelace <ada@example.org>")).to_be_visible()
    expect(page.frame_locator(".sample-html").get_by_role("heading")).to_have_text("Hello Ada Lovelace")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".sample-text")).to_have_text("Dear Bruno,\n\n12 sacks are ready.")
    page.get_by_role("button", name="Send to 2").click()

    page.wait_for_url("**/jobs/*")
    assert sorted(Item.objects.values_list("key", flat=True)) == ["ada@example.org", "bruno@example.org"]


def test_every_bad_line_is_shown_and_can_be_had_as_a_file(visit, submitter, tmp_path, files):
    page = visit(submitter).page
    fill_in(page, tmp_path, BAD)

    expect(page.get_by_role("table").get_by_role("row")).to_have_count(5)
    expect(page.get_by_role("row", name="5 ADA@example.org")).to_contain_text("Is a duplicate of line 2.")
    expect(page.get_by_role("button", name="Send to")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Bad lines as CSV").click()
    assert download.value.path().read_text().count("\n") == 5
    assert not Job.objects.exists()


def test_who_goes_back_loses_nothing_that_was_written(visit, submitter, tmp_path, files):
    page = visit(submitter).page
    fill_in(page, tmp_path, BAD, html=HTML)
    page.get_by_role("link", name="Back to the form").click()

    expect(page.locator("[name=subject]")).to_have_value("Your flour is ready, {{ name }}")
    expect(page.locator("[name=html]")).to_have_value(HTML)
    expect(page.locator(".kept")).to_contain_text("guests.csv")
    (tmp_path / "mended.csv").write_text(GOOD)
    page.locator("[name=file]").set_input_files(tmp_path / "mended.csv")
    page.get_by_role("button", name="Check and preview").click()
    page.wait_for_url("**/drafts/*")
    page.get_by_role("link", name="Back to the form").click()
    page.locator("[name=subject]").fill("Flour, {{ name }}")
    page.get_by_role("button", name="Check and preview").click()
    page.wait_for_url("**/drafts/*")

    expect(page.locator(".sample")).to_contain_text("Flour, Ada Lovelace")
    expect(page.get_by_role("button", name="Send to 2")).to_be_visible()


def test_somebody_is_found_and_the_next_one_too(visit, submitter, tmp_path, files):
    page = visit(submitter).page
    fill_in(page, tmp_path, GOOD + "cyd@example.org;Cyd;de;1\n")
    page.get_by_role("searchbox").fill("C")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator(".sample")).to_contain_text("Ada Lovelace <ada@example.org>")
    page.get_by_role("button", name="Find next").click()
    expect(page.locator(".sample")).to_contain_text("Cyd <cyd@example.org>")


def test_the_uncertain_ones_are_decided_about(visit, submitter):
    page = visit(submitter).page
    page.goto(f"/jobs/{decided(submitter).id}")
    for words in ("5 sent", "1 suppressed", "1 failed", "2 uncertain", "9 accepted"):
        expect(page.locator("#live")).to_contain_text(words)

    page.get_by_role("link", name="Leave as they are").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leave 2 recipients as they are?")
    assert not Item.objects.filter(detail__has_key="decided").exists()
    page.get_by_role("button", name="Leave them as they are").click()

    expect(page.get_by_text("Left as they are: 2 recipients.")).to_be_visible()
    expect(page.get_by_role("link", name="Send again")).to_have_count(0)
    assert Item.objects.filter(state=ItemState.UNCERTAIN).count() == 2


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without"])
def test_the_chosen_ones_are_decided_about(visit, submitter, script):
    page = visit(submitter, script=script).page
    page.goto(f"/jobs/{decided(submitter).id}/items?state=uncertain")
    expect(page.get_by_label("All on this page")).to_be_visible(visible=script)
    page.get_by_label("Choose guest7@example.org").check()
    page.get_by_role("button", name="Leave chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leave 1 recipient as it is?")
    page.get_by_role("button", name="Leave it as it is").click()

    expect(page.get_by_text("Left as they are: 1 recipient.")).to_be_visible()
    assert [item.key for item in Item.objects.filter(detail__decided="left")] == ["guest7@example.org"]


def test_all_on_a_page_are_chosen_at_once(visit, submitter):
    page = visit(submitter).page
    page.goto(f"/jobs/{decided(submitter).id}/items?state=uncertain")
    page.get_by_label("All on this page").check()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(3)
    page.get_by_label("Choose guest7@example.org").uncheck()
    expect(page.get_by_label("All on this page")).not_to_be_checked()


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(visit, submitter, tmp_path, files, width):
    page = visit(submitter, width=width).page
    page.goto("/kinds/email.campaign")
    assert page.evaluate(WIDTH) <= 0
    fill_in(page, tmp_path, BAD, html=HTML)
    assert page.evaluate(WIDTH) <= 0
    job = decided(submitter)
    for place in ("", "/items", "/items?state=uncertain", "/decide?act=leave&all=1"):
        page.goto(f"/jobs/{job.id}{place}")
        assert page.evaluate(WIDTH) <= 0, place
