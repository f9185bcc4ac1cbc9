"""The list of jobs: whose, which, and page by page."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from uuid_utils.compat import uuid7

from jobs.models import Job, Progress
from jobs.owners import visible_jobs
from jobs.search import page_of
from jobs.search.cursor import OLDER, encode
from tests.factories import make_group, make_job, make_user
from tests.pages.conftest import at_the_door

pytestmark = pytest.mark.django_db


def ids_in(answer) -> list[str]:
    return re.findall(r'id="j-([0-9a-f-]{36})"', answer.content.decode())


def next_in(answer, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', answer.content.decode())
    return found and "/jobs" + found[1].replace("&amp;", "&")


def test_paging_shows_every_job_once_even_while_new_ones_arrive(page, submitter):
    made = [str(make_job(owner=submitter).id) for _ in range(60)]

    seen, url = [], "/jobs"
    while url:
        answer = page.get(url)
        seen += ids_in(answer)
        make_job(owner=submitter)
        url = next_in(answer, "next")

    assert seen == made[::-1]


def test_newer_leads_back_to_the_same_pages(page, submitter):
    for _ in range(60):
        make_job(owner=submitter)
    first = page.get("/jobs")
    second = page.get(next_in(first, "next"))

    back = page.get(next_in(second, "prev"))

    assert ids_in(back) == ids_in(first)
    assert next_in(back, "next") == next_in(first, "next")
    assert next_in(back, "prev") is None


def test_filters_are_in_the_address_and_stay_with_the_pages(page, submitter):
    wanted = [str(make_job("failed", kind="test.ok", queue="b", owner=submitter).id) for _ in range(30)]
    make_job("failed", kind="test.ok", queue="a", owner=submitter)
    make_job("queued", kind="test.ok", queue="b", owner=submitter)
    make_job("failed", kind="test.other", queue="b", owner=submitter)

    first = page.get("/jobs?filter=state:failed+kind:test.ok+queue:b")
    second = page.get(next_in(first, "next"))

    assert ids_in(first) + ids_in(second) == wanted[::-1]


def test_only_operators_filter_by_owner(page, office, submitter):
    mine = make_job(owner=submitter)
    make_job(owner=make_user("charlie"))

    assert len(ids_in(office.get("/jobs"))) == 2
    assert len(ids_in(office.get("/jobs?filter=owner:charlie"))) == 1
    assert ids_in(page.get("/jobs?filter=owner:me")) == [str(mine.id)]
    refused = page.get("/jobs?filter=owner:charlie")
    assert (refused.status_code, ids_in(refused)) == (422, [])
    assert "only operators may ask" in refused.content.decode()


@pytest.mark.parametrize(
    ("asked", "filter"),
    [
        ("state=failed", "state:failed"),
        ("filter=state:failed,queued+x&state=running&kind=&queue=b", "x state:running queue:b"),
        ("filter=-state:failed&state=", "-state:failed"),
        ('filter="open&state=failed', '"open state:failed'),
        ("owner=Ada+Lovelace", 'owner:"Ada Lovelace"'),
        ("state=", ""),
    ],
)
def test_what_a_drop_down_chooses_becomes_a_word_of_the_filter(page, asked, filter):
    answer = page.get(f"/jobs?{asked}")

    assert answer.status_code == 302
    assert dict(parse_qsl(urlsplit(answer.headers["Location"]).query)).get("filter", "") == filter


def test_the_drop_downs_show_what_the_filter_says(page):
    text = page.get("/jobs?filter=state:failed+queue:unheard").content.decode()

    assert '<option value="failed" selected>' in text
    assert '<option value="unheard" selected>' in text


def test_each_part_of_the_filter_is_said_and_can_be_taken_out(page):
    text = page.get("/jobs?filter=state:failed+-queue:b").content.decode()

    assert 'state is failed</span><a href="/jobs?filter=-queue%3Ab">' in text
    assert 'not: queue is b</span><a href="/jobs?filter=state%3Afailed">' in text


def test_a_filter_that_is_not_understood_stays_in_its_box_with_the_reason(page, submitter):
    make_job(owner=submitter)

    answer = page.get("/jobs", {"filter": "x stat:<b>"})

    text = answer.content.decode()
    assert (answer.status_code, ids_in(answer)) == (422, [])
    assert 'value="x stat:&lt;b&gt;"' in text and 'data-column="3"' in text
    assert "there is no field <code>stat</code>; did you mean <code>state</code>?" in text
    assert "<b>" not in text


def test_how_many_there_are_is_counted_only_when_asked(page, submitter, django_assert_max_num_queries):
    for _ in range(27):
        make_job("succeeded", owner=submitter)

    assert "27 jobs" not in page.get("/jobs").content.decode()
    assert "27 jobs" in page.get("/jobs?count=1").content.decode()


def test_a_group_sees_what_is_shared_with_it(submitter, bob):
    shared = make_job(owner=submitter, group=make_group())
    make_job(owner=submitter)

    assert ids_in(at_the_door(bob).get("/jobs")) == [str(shared.id)]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "b28",
        "!!!!",
        "A" * 400,
        "ä",
        pytest.param(encode(OLDER, uuid7(), "x"), id="of another filter"),
    ],
)
def test_a_cursor_that_cannot_be_read_is_the_first_page_and_says_so(page, submitter, cursor):
    job = make_job(owner=submitter)

    answer = page.get("/jobs", {"page": cursor})

    assert ids_in(answer) == [str(job.id)]
    assert "Here are the newest" in answer.content.decode()


def test_odd_filters_are_answered_and_break_nothing(office):
    make_job()
    for query in ("state:nonsense", "kind:%27;--", "owner:nobody", '"', "-", "x" * 2000):
        assert office.get(f"/jobs?filter={query}").status_code == 422, query
    for query in ("queue:%27;--", "%00", "error:%25", "'", "\\", "%F0%9F%92%A9"):
        answer = office.get(f"/jobs?filter={query}")
        assert answer.status_code == 200 and "No job fits" in answer.content.decode(), query


def test_waiting_jobs_say_why_and_running_ones_how_far(page, submitter):
    make_job("retrying", owner=submitter)
    running = make_job("running", owner=submitter)
    Progress.objects.create(
        job=running, attempt=1, fraction=0.4, note="halfway, nearly", updated_at=running.created_at
    )

    text = page.get("/jobs").content.decode()

    assert "the next starts in" in text
    assert 'value="40"' in text and "halfway, nearly" in text


def test_progress_of_an_earlier_attempt_is_not_shown(page, submitter):
    running = make_job("running", owner=submitter, attempt=2)
    Progress.objects.create(
        job=running, attempt=1, fraction=0.4, note="old news", updated_at=running.created_at
    )

    assert "old news" not in page.get("/jobs").content.decode()


def test_the_list_asks_again_only_while_something_moves(page, submitter):
    make_job("succeeded", owner=submitter)
    assert "hx-trigger" not in page.get("/jobs").content.decode()

    make_job("running", owner=submitter)
    assert "hx-trigger" in page.get("/jobs").content.decode()


def test_htmx_gets_the_lines_alone(page, submitter):
    make_job(owner=submitter)

    text = page.get("/jobs", headers={"HX-Request": "true"}).content.decode()

    assert text.startswith('<section id="live"') and "<html" not in text


def test_empty_lists_say_what_to_do(page):
    assert "catalogue" in page.get("/jobs").content.decode()
    assert "see all jobs" in page.get("/jobs?filter=state:failed").content.decode()


def test_a_page_costs_the_same_whatever_its_length(page, submitter, django_assert_max_num_queries):
    for _ in range(30):
        make_job("queued", owner=submitter)

    with django_assert_max_num_queries(9):
        page.get("/jobs")


def test_the_last_page_has_no_older_one(submitter):
    for _ in range(4):
        make_job(owner=submitter)
    first = page_of(visible_jobs(submitter), size=2)
    second = page_of(visible_jobs(submitter), first.older, size=2)

    assert (second.older, len(second.rows)) == ("", 2)
    assert Job.objects.count() == 4


def test_a_job_is_told_by_its_label_wherever_it_is_listed(page, submitter):
    subject = "Flour & <more>"
    job = make_job("failed", kind="email.send", owner=submitter, payload={"subject": subject})

    for address in ("/jobs", f"/jobs/{job.id}", "/"):
        assert 'class="label">Flour &amp; &lt;more&gt;<' in page.get(address).content.decode(), address
