"""The items of a job: found, paged, told about, and taken along as CSV that no spreadsheet runs."""

import csv
import io
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from jobs import item_list
from jobs.item_words import ItemWords
from jobs.models import Item, Job
from jobs.pages import items as pages
from tests.factories import make_job

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
WORDS = ItemWords(
    one="guest", many="guests", states={"done": "seated"}, undone="not seated", returned="sent away",
    reference="Ticket",
    reference_note="Tickets may change.",
    reference_of=lambda job, item, given: f"<{item}-{(given or {}).get('row', 'x')}>",
)  # fmt: skip


class Payload(BaseModel):
    number: int = 1


@pytest.fixture(autouse=True)
def declared(declare):
    return declare(Payload, name="test.form", item_words=WORDS)


@pytest.fixture
def job(submitter) -> Job:
    return make_job("succeeded", owner=submitter, kind="test.form", payload={})


def put(job: Job, key: str, state: str = "done", **fields) -> Item:
    return Item.objects.create(job=job, key=key, state=state, **fields)


def shown(page, job: Job, **search: str) -> str:
    return page.get(f"/jobs/{job.id}/items", search).content.decode()


def keys(page, job: Job, **search: str) -> list[str]:
    answer = page.get(f"/jobs/{job.id}/items", search)
    return [line.item.key for line in answer.context["lines"]]


def table(page, job: Job, **search: str) -> list[list[str]]:
    answer = page.get(f"/jobs/{job.id}/items.csv", search)
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_what_is_to_be_known_of_references_is_said_where_there_are_any(page, job):
    """A Message-ID is made by the settings of today, and what went out may have had another."""
    put(job, "ada", "skipped")
    without = shown(page, job)
    put(job, "bob")

    assert "Tickets may change." not in without
    assert "Tickets may change." in shown(page, job)


def test_each_state_is_a_tab_with_its_count(page, job):
    put(job, "ada")
    put(job, "bob", "failed")
    put(job, "cyd", "failed")

    text = shown(page, job, state="failed")

    assert keys(page, job, state="failed") == ["bob", "cyd"]
    assert '<a href="?state=done" class="done">seated <strong>1</strong></a>' in text
    assert '<a href="?state=failed" aria-current="true" class="failed">failed <strong>2</strong></a>' in text
    assert '<a href="?" class="">all <strong>3</strong></a>' in text


def test_a_part_of_the_key_finds_it_whatever_signs_are_in_it(page, job):
    for key in ("Ada@example.org", "a_b@example.org", "axb@example.org", "50%@example.org"):
        put(job, key)

    assert keys(page, job, text="ADA@") == ["Ada@example.org"]
    assert keys(page, job, text="a_b") == ["a_b@example.org"]
    assert keys(page, job, text="%") == ["50%@example.org"]
    assert keys(page, job, text="<x>\0") == []
    assert "No guest fits" in shown(page, job, text="<x>\0")


def test_pages_go_on_behind_a_key_in_both_directions(page, job, monkeypatch):
    monkeypatch.setattr(pages, "SIZE", 2)
    for number in (4, 2, 0, 3, 1):
        put(job, f"guest{number}")

    first = page.get(f"/jobs/{job.id}/items").context
    second = page.get(f"/jobs/{job.id}/items?{first['pages']['after']}").context
    third = page.get(f"/jobs/{job.id}/items?{second['pages']['after']}").context
    back = page.get(f"/jobs/{job.id}/items?{third['pages']['before']}").context
    start = page.get(f"/jobs/{job.id}/items?{back['pages']['before']}").context

    found = [[line.item.key[-1] for line in one["lines"]] for one in (first, second, third, back, start)]
    assert found == [["0", "1"], ["2", "3"], ["4"], ["2", "3"], ["0", "1"]]
    assert [sorted(one["pages"]) for one in (first, third, start)] == [["after"], ["before"], ["after"]]


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"error": "bob was refused: 550 5.1.1 no", "status": "5.1.1"}, "bob was refused: 550 5.1.1 no"),
        ({"error": "bob was refused", "status": "5.1.1"}, "bob was refused (5.1.1)"),
        ({"suppressed": "by_hand"}, "Nothing was sent: the address is suppressed (by hand)."),
        ({"uncertain": 2}, "Attempt 2 ended before it was known how this one went."),
        ({"error": "put off", "tries": 3}, "Tried 3 times."),
        (
            {"report": {"action": "failed", "status": "5.1.1", "words": "no <user>", "at": AT.isoformat()}},
            "It came back as undeliverable on 2026-11-28 12:30 UTC: 5.1.1 no &lt;user&gt;",
        ),
        (
            {"report": {"action": "complained", "words": "abuse"}},
            "It was reported as spam by its reader: abuse",
        ),
        ({"decided": "left"}, "Decided: left as it is."),
        (["odd"], ""),
        ({"report": "odd", "tries": "x"}, ""),
    ],
)  # fmt: skip
def test_what_is_known_of_one_is_told(page, job, detail, said):
    put(job, "bob", "failed", detail=detail)

    notes = shown(page, job).partition('<ul class="card items')[2]

    assert (f'<span class="item-note">{said}' in notes) if said else ("item-note" not in notes)


def test_those_that_came_back_are_found(page, job):
    put(job, "ada")
    put(job, "bob", detail={"report": {"action": "failed"}})

    assert keys(page, job, state="returned") == ["bob"]
    assert "sent away <strong>1</strong></a>" in shown(page, job)
    assert '<span class="item-state failed">seated, sent away</span>' in shown(page, job)


def test_who_was_done_again_leads_to_that_job(page, job, submitter):
    other = make_job("queued", owner=submitter)
    put(job, "bob", "uncertain", detail={"decided": "again", "job": str(other.id)})

    assert f'<a href="/jobs/{other.id}">That job</a>' in shown(page, job)


def test_all_that_fit_are_in_the_file_and_no_cell_is_a_formula(page, job, monkeypatch):
    monkeypatch.setattr(item_list, "AT_ONCE", 2)
    bob = put(job, "=bob", "failed", detail={"error": "+1 is wrong"}, given={"row": "7"}, moved_at=AT)
    others = [put(job, f"guest{number}") for number in range(4)]

    whole, failed = table(page, job), table(page, job, state="failed")

    assert whole[0] == ["guest", "state", "note", "ticket", "moved_at", "sent_away_at", "sent_away_said"]
    assert failed[1:] == [
        ["'=bob", "failed", "'+1 is wrong.", f"<{bob.id}-7>", "2026-11-28T12:30:00+00:00", "", ""]
    ]
    assert [line[0] for line in whole[1:]] == ["'=bob", *(item.key for item in others)]
    assert whole[2][1:] == ["seated", "", f"<{others[0].id}-x>", "", "", ""]


def test_the_file_says_when_one_came_back_and_what_was_said(page, job):
    report = {"action": "failed", "status": "5.1.1", "words": "no such guest", "at": "2026-11-28T12:30:00"}
    put(job, "ada", detail={"report": report})
    put(job, "bob", detail={"report": {"at": "odd", "words": "=1+1"}})
    put(job, "cyd", detail={"report": "odd"})

    assert [line[-2:] for line in table(page, job)[1:]] == [
        ["2026-11-28T12:30:00+00:00", "failed 5.1.1 no such guest"],
        ["", "'=1+1"],
        ["", ""],
    ]


def test_a_kind_of_which_nothing_comes_back_has_no_column_for_it(page, job, declare):
    declare(Payload, name="test.form")
    put(job, "ada")

    assert table(page, job)[0][-1] == "moved_at"


def test_the_jobs_page_counts_those_that_came_back(page, job):
    for key in ("ada", "bob"):
        put(job, key, detail={"report": {"action": "failed"}})
    answer = page.get(f"/jobs/{job.id}")
    before, seen = answer.content.decode(), answer.context["seen"]
    Item.objects.filter(key="ada").update(detail=None)

    after = page.get(f"/jobs/{job.id}/live", {"seen": seen}).content.decode()

    assert f'href="/jobs/{job.id}/items?state=returned"><strong>2</strong> sent away</a>' in before
    assert "<strong>1</strong> sent away</a>" in after


def test_a_page_of_which_nothing_came_back_says_nothing_of_it(page, job):
    put(job, "ada")

    assert "sent away" not in page.get(f"/jobs/{job.id}").content.decode()


@pytest.mark.parametrize("state", ["pending", "skipped"])
def test_who_was_never_touched_is_known_to_nobody(page, job, state):
    put(job, "ada", state)

    assert table(page, job)[1][3] == ""


def test_a_search_that_takes_too_long_says_so(page, job, monkeypatch):
    put(job, "ada")
    monkeypatch.setattr("jobs.search.patience.SECONDS", 0.001)
    monkeypatch.setattr(
        item_list, "wanted_items", lambda job, wanted: Item.objects.extra(where=["pg_sleep(5) IS NOT NULL"])
    )

    text = shown(page, job, text="ada")

    assert "To look through so many took too long" in text


def test_a_job_without_items_says_so(page, job):
    text = shown(page, job)

    assert "The job accepted none." in text
    assert "items.csv" not in text


def test_the_jobs_page_leads_to_each_state(page, job):
    put(job, "ada", "skipped")

    assert f'href="/jobs/{job.id}/items?state=skipped"' in page.get(f"/jobs/{job.id}").content.decode()


@pytest.mark.parametrize("state", ["running", "cancelled"])
def test_what_a_job_that_is_over_left_is_pending_no_longer(page, submitter, state):
    job = make_job(state, owner=submitter, kind="test.form", payload={})
    put(job, "ada", "pending")
    said, unsaid = ("not seated", "pending") if state == "cancelled" else ("pending", "not seated")

    list_, jobs_page = shown(page, job), page.get(f"/jobs/{job.id}").content.decode()

    assert f'<a href="?state=pending" class="pending">{said} <strong>1</strong></a>' in list_
    assert table(page, job)[1][:2] == ["ada", said]
    assert f"<strong>1</strong> {said}</a>" in jobs_page
    assert f"{unsaid} <strong>" not in list_
    assert f"</strong> {unsaid}" not in jobs_page
