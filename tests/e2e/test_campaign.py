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


def test_the_uncertain_ones_are_decided_about(visit, submitter):
    page = visit(submitter).page
    page.goto(f"/jobs/{decided(submitter).id}")
    for words in ("5 sent", "1 suppressed", "1 failed", "2 uncertain", "9 accepted"):
        expect(page.locator("#live")).to_contain_text(words)

    page.get_by_role("button", name="Leave as they are").click()

    expect(page.get_by_text("Left as they are: 2.")).to_be_visible()
    expect(page.get_by_role("button", name="Do again")).to_have_count(0)
    assert Item.objects.filter(state=ItemState.UNCERTAIN).count() == 2


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(visit, submitter, tmp_path, files, width):
    page = visit(submitter, width=width).page
    page.goto("/kinds/email.campaign")
    assert page.evaluate(WIDTH) <= 0
    fill_in(page, tmp_path, BAD, html=HTML)
    assert page.evaluate(WIDTH) <= 0
    page.goto(f"/jobs/{decided(submitter).id}")
    assert page.evaluate(WIDTH) <= 0
