"""What only a browser can tell: clicks, live parts, the strict policy at work, phones, no script at all."""

import re
from itertools import pairwise

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from jobs.models import Job, LogLine, Progress
from tests.e2e.conftest import PASSWORD, person
from tests.factories import make_artifact, make_job

PATHS = (
    "/", "/kinds/test.ok", "/kinds/images.resize", "/jobs", "/queues", "/tokens",
    "/api/v1/docs", "/p/contact.message",
)  # fmt: skip
GROUND = "one => getComputedStyle(one).backgroundColor"
WIDTH = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fill_in(page) -> None:
    page.goto("/kinds/test.ok")
    page.get_by_label("Key").fill("by hand")


def test_signing_in_leads_to_where_one_was_going(visit, submitter):
    page = visit(None).page
    page.goto("/jobs?state=failed")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)

    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url("**/jobs?filter=state*failed")
    expect(page.get_by_text("No job fits this filter")).to_be_visible()


def test_a_double_click_is_one_job(visit, submitter):
    page = visit(submitter).page
    fill_in(page)

    page.get_by_role("button", name="Submit the job").dblclick()

    page.wait_for_url("**/jobs/*")
    assert Job.objects.get().payload["key"] == "by hand"


def test_everything_works_without_a_script(visit, submitter):
    page = visit(submitter, script=False).page
    fill_in(page)
    page.get_by_role("button", name="Submit the job").click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator(".hero .state")).to_have_text("queued")

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator(".hero .state")).to_have_text("cancelled")
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.locator("ul.jobs .state")).to_have_text("cancelled")


def test_without_a_script_a_page_of_a_moving_job_reloads(visit, submitter):
    job = make_job("running", owner=submitter)
    page = visit(submitter, script=False).page
    page.goto(f"/jobs/{job.id}")

    Job.objects.update(state="succeeded", holder=None, lease=None, finished_at=timezone.now(), code="ok")

    expect(page.locator(".hero .state")).to_have_text("succeeded")


def test_the_job_page_moves_by_itself_until_the_end(visit, submitter):
    job = make_job("running", owner=submitter)
    page = visit(submitter).page
    page.goto(f"/jobs/{job.id}")

    Progress.objects.create(job=job, attempt=1, fraction=0.4, note="cutting", updated_at=timezone.now())
    expect(page.locator(".progress")).to_contain_text("40 % · cutting")
    LogLine.objects.create(job=job, attempt=1, at=timezone.now(), level="info", text="a word from the kind")
    expect(page.locator(".log")).to_contain_text("a word from the kind")
    Job.objects.update(
        state="succeeded", holder=None, lease=None, finished_at=timezone.now(), code="ok", version=2,
        result={"values": {"wheels": 8}},
    )  # fmt: skip

    expect(page.locator(".hero .state")).to_have_text("succeeded")
    expect(page.locator(".values")).to_contain_text("wheels")
    expect(page.locator("#said")).to_have_text("succeeded")
    expect(page).to_have_title(re.compile("^succeeded · "))
    expect(page.locator("#live")).not_to_have_attribute("hx-get", "")
    assert page.locator("#live").get_attribute("hx-get") is None, "a final job is asked about no more"


def test_a_fold_and_a_scrolled_log_stay_as_they_are(visit, submitter):
    job = make_job("running", owner=submitter, payload={"a": 1})
    now = timezone.now()
    LogLine.objects.bulk_create(
        LogLine(job=job, attempt=1, at=now, level="info", text=f"line {number}") for number in range(150)
    )
    page = visit(submitter).page
    page.goto(f"/jobs/{job.id}")
    page.locator("#payload summary").click()
    page.locator("#log-lines").evaluate("log => { log.scrollTop = -300 }")

    Progress.objects.create(job=job, attempt=1, fraction=0.4, note="cutting", updated_at=now)
    expect(page.locator(".progress")).to_contain_text("cutting")

    expect(page.locator("#payload pre")).to_be_visible()
    assert page.locator("#log-lines").evaluate("log => log.scrollTop") == -300


def test_what_was_said_goes_when_it_is_true_no_more(visit, submitter):
    job = make_job("running", owner=submitter)
    page = visit(submitter).page
    page.goto(f"/jobs/{job.id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".notice")).to_contain_text("Asked to stop")
    expect(page.locator(".progress")).to_contain_text("asked to stop by alice")

    Job.objects.update(
        state="cancelled", holder=None, lease=None, finished_at=timezone.now(), code="cancelled_by",
        error="Stopped.", version=9,
    )  # fmt: skip

    expect(page.locator(".hero .state")).to_have_text("cancelled")
    expect(page.locator("main > .notice")).to_have_count(0)
    expect(page.locator(".hero .notice")).to_have_text("Cancelled by alice. Stopped.")


def test_a_new_tokens_secret_is_copied_whole(visit, submitter):
    window = visit(submitter)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.page
    page.goto("/tokens")
    page.get_by_label("Name").fill("ci")
    page.get_by_role("button", name="Make the token").click()

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.locator("#secret").inner_text() and copied.startswith("mill_")


def test_the_list_of_jobs_moves_too(visit, submitter):
    make_job("running", owner=submitter)
    page = visit(submitter).page
    page.goto("/jobs")
    expect(page.locator("ul.jobs .state")).to_have_text("running")

    Job.objects.update(state="succeeded", holder=None, lease=None, finished_at=timezone.now(), code="ok")

    expect(page.locator("ul.jobs .state")).to_have_text("succeeded")


def test_a_theme_is_remembered(visit, submitter):
    page = visit(submitter).page
    page.goto("/")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)

    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(ground)
    page.goto("/jobs")

    assert light != dark == page.evaluate(ground)
    assert page.locator("html").get_attribute("data-theme") == "dark", "drawn by the server, without a flash"


def test_a_pause_reason_being_typed_survives_the_live_part(visit, operator):
    page = visit(operator).page
    page.goto("/queues")
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.locator("#why-default").type("low wa")
    page.locator("#why-default").type("ter")

    page.locator("#pause-default").click()

    expect(page.locator(".queues .paused.card")).to_contain_text("low water")


def test_the_keyboard_reaches_the_content_first(visit, submitter):
    page = visit(submitter).page
    page.goto("/jobs")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_no_page_scrolls_sideways_or_makes_the_browser_complain(visit, operator, width, dark):
    job = make_job("failed", owner=operator, error="x" * 300, payload={"long": "y" * 300})
    LogLine.objects.create(job=job, attempt=1, at=timezone.now(), level="info", text="z" * 300)
    make_artifact(owner=operator, job=job.id, name="w" * 140 + ".xlsx")
    make_job("running", owner=operator, kind="test." + "long" * 20, queue="q" * 80)
    page = visit(operator, width=width, dark=dark).page

    for path in (*PATHS, f"/jobs/{job.id}"):
        page.goto(path)
        assert page.evaluate(WIDTH) <= 0, path


def test_every_place_of_an_operator_can_be_seen_on_a_telephone(visit, operator):
    page = visit(operator, width=375).page
    page.goto("/")
    page.locator(".nav").evaluate("nav => nav.append(...[...nav.children].map(one => one.cloneNode(true)))")

    edges = page.locator(".nav a").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")

    assert len(edges) >= 6 and max(edges) <= 375


@pytest.mark.parametrize("width", [375, 800, 1060, 1100, 1210, 1220, 1280])
def test_name_and_sign_out_stand_beside_the_brand_at_every_width(visit, operator, settings, width):
    settings.FLOWER_URL = "http://127.0.0.1:1"
    page = visit(operator, width=width).page
    page.goto("/jobs")

    brand, me = (page.locator(one).bounding_box() for one in (".brand", ".me"))

    assert page.locator(".nav a").count() == 8
    assert me["y"] < brand["y"] + brand["height"] and me["x"] + me["width"] <= width


@pytest.mark.parametrize("name", ["operator", "a.very.long.name.of.an.operator@mill.example.org"])
@pytest.mark.parametrize("width", [1220, 1280, 1920])
def test_the_head_is_one_row_for_an_operator_on_a_desk(visit, settings, transactional_db, width, name):
    """The name and the way out had a row of their own at 1280 pixels."""
    settings.FLOWER_URL = "http://127.0.0.1:1"
    page = visit(person(name, "operate_job", is_staff=True, is_superuser=True), width=width).page
    page.goto("/jobs")
    shown = [".brand", ".nav a:last-child", ".name", ".me form button"]

    boxes = [page.locator(one).bounding_box() for one in shown]

    assert page.locator(".nav a").count() == 8
    assert page.locator(".top-in").bounding_box()["height"] < 70
    assert all(one["x"] + one["width"] <= next["x"] for one, next in pairwise(boxes))
    assert page.evaluate(WIDTH) <= 0


def test_the_admin_runs_under_the_strict_policy(visit, operator):
    make_job("failed", owner=operator)
    page = visit(operator).page
    page.goto("/jobs")
    ours = page.locator(".top").evaluate(GROUND)

    for path in ("", "millrace_jobs/job/", "millrace_jobs/queue/add/", "auth/user/add/",
                 "django_celery_beat/periodictask/add/", "django_celery_results/taskresult/"):  # fmt: skip
        page.goto(f"/admin/{path}")
        expect(page.locator("#content")).to_be_visible()
        expect(page.locator("#site-name")).to_have_text(re.compile("Millrace"))
        assert page.locator("#header").evaluate(GROUND) == ours, "it wears our colours"
