"""Cancel, retry, rerun: what was possible was done, and what came too late is said."""

import re
from uuid import uuid4

import pytest
from pydantic import BaseModel

from jobs.item_words import ItemWords
from jobs.models import Item, Job
from jobs.registry import KINDS
from tests.factories import give, make_artifact, make_group, make_job
from tests.pages.conftest import at_the_door

pytestmark = pytest.mark.django_db


class Payload(BaseModel):
    number: int = 1


@pytest.fixture(autouse=True)
def declared(declare):
    return declare(Payload, name="test.form")


def act(browser, job: Job, verb: str, **data: str) -> str:
    """What the page says afterwards."""
    text = browser.post(f"/jobs/{job.id}/{verb}", data, follow=True).content.decode()
    job.refresh_from_db()
    return re.search(r'<p class="notice[^>]*>([^<]+)', text)[1]


def test_a_waiting_job_is_cancelled(page, submitter):
    job = make_job("queued", owner=submitter)

    said = act(page, job, "cancel")

    assert (job.state, said) == ("cancelled", "Cancelled. It will not run.")


def test_a_running_job_is_asked_to_stop(page, submitter):
    job = make_job("running", owner=submitter)

    said = act(page, job, "cancel")

    assert (job.state, job.cancel_asked) == ("running", True)
    assert said.startswith("Asked to stop")


@pytest.mark.parametrize(
    ("state", "word"), [("succeeded", "succeeded"), ("failed", "failed"), ("cancelled", "been cancelled")]
)
def test_too_late_to_cancel_is_said(page, submitter, state, word):
    job = make_job(state, owner=submitter)

    said = act(page, job, "cancel")

    assert job.state == state
    assert said == f"Too late to cancel: it had already {word}."


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_failed_or_cancelled_job_is_queued_again(page, submitter, state):
    job = make_job(state, owner=submitter)

    said = act(page, job, "retry")

    assert job.state == "queued" and said.startswith("Queued again")


@pytest.mark.parametrize("state", ["succeeded", "running", "queued"])
def test_nothing_else_is_retried(page, submitter, state):
    job = make_job(state, owner=submitter)

    said = act(page, job, "retry")

    assert job.state == state and said.startswith("Not retried")


def test_rerun_is_a_new_job_of_who_asks(submitter, bob):
    job = make_job("succeeded", kind="test.form", owner=submitter, group=make_group(), payload={"number": 7})

    at_the_door(give(bob, "submit_job")).post(f"/jobs/{job.id}/rerun")

    again = Job.objects.exclude(id=job.id).get()
    assert (again.payload, again.owner, again.rerun_of, again.door) == ({"number": 7}, bob, job.id, "web")


def test_two_clicks_on_rerun_are_one_job(page, submitter):
    job = make_job("succeeded", kind="test.form", owner=submitter, payload={})
    key = re.search(r'name="key" value="([^"]+)"', page.get(f"/jobs/{job.id}").content.decode())[1]

    for _ in range(2):
        page.post(f"/jobs/{job.id}/rerun", {"key": key})

    assert Job.objects.count() == 2


def test_a_rerun_whose_upload_is_gone_says_so(page, submitter, declare):
    from jobs.artifacts import ArtifactId

    class WithFile(BaseModel):
        source: ArtifactId

    declare(WithFile, name="test.file")
    job = make_job("succeeded", kind="test.file", owner=submitter, payload={"source": str(uuid4())})

    assert "no such file" in act(page, job, "rerun")
    assert Job.objects.count() == 1


def test_members_of_the_group_cannot_cancel_or_retry(submitter, bob):
    waiting = make_job("queued", owner=submitter, group=make_group())
    failed = make_job("failed", owner=submitter, group=make_group())
    browser = at_the_door(give(bob, "submit_job"))

    assert browser.post(f"/jobs/{waiting.id}/cancel").status_code == 403
    assert browser.post(f"/jobs/{failed.id}/retry").status_code == 403
    assert set(Job.objects.values_list("state", flat=True)) == {"queued", "failed"}


@pytest.mark.parametrize("verb", ["cancel", "retry", "rerun"])
def test_a_link_cannot_act(page, submitter, verb):
    job = make_job("failed", owner=submitter)

    assert page.get(f"/jobs/{job.id}/{verb}").status_code == 405
    assert Job.objects.get().state == "failed"


@pytest.mark.parametrize("verb", ["cancel", "retry", "rerun"])
def test_a_form_from_elsewhere_cannot_act(submitter, verb):
    from django.test import Client

    job = make_job("failed", owner=submitter)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(submitter)

    answer = strict.post(f"/jobs/{job.id}/{verb}")

    assert answer.status_code == 403 and "Reload the page" in answer.content.decode()


def test_odd_keys_break_nothing(page, submitter):
    job = make_job("succeeded", kind="test.form", owner=submitter, payload={})

    for key in ("\0", "x" * 10_000, "ä'\";"):
        assert page.post(f"/jobs/{job.id}/rerun", {"key": key}).status_code == 302
    assert make_artifact()


WORDS = ItemWords(
    one="guest", many="guests", states={"done": "fed"}, doubt="whether they ate",
    twice=("eats a second time", "eat a second time"),
)  # fmt: skip


def fed(owner, declare, *states: str, state: str = "succeeded") -> Job:
    """A job whose repetition reaches people, and how they stand."""
    declare(Payload, name="test.fed", item_words=WORDS)
    job = make_job(state, kind="test.fed", owner=owner, payload={})
    for number, each in enumerate(states):
        Item.objects.create(job=job, key=f"guest{number}", state=each)
    return job


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_what_reaches_people_is_not_run_again_by_one_click(page, submitter, declare):
    job = fed(submitter, declare, *["done"] * 3, "uncertain", "failed", "skipped")

    asked = page.post(f"/jobs/{job.id}/rerun", {"key": "a"}, follow=True)

    assert 'id="b-rerun" class="button quiet" href=' in text_of(page.get(f"/jobs/{job.id}"))
    assert "Run as a new job: 6 guests?" in text_of(asked)
    assert "<strong>3 guests eat a second time.</strong>" in text_of(asked)
    assert "Of 1 guest nobody knows whether they ate." in text_of(asked)
    assert "Tried anew: 1 failed, 1 skipped." in text_of(asked)
    assert "Try again" not in text_of(asked)
    assert Job.objects.count() == 1


def test_one_who_was_asked_back_and_is_sure_runs_it_once(page, submitter, declare):
    job = fed(submitter, declare, "done", state="failed")
    asked = text_of(page.get(f"/jobs/{job.id}/rerun"))
    form = dict(re.findall(r'<input type="hidden" name="(key|sure)" value="([^"]+)"', asked))

    for _ in range(2):
        page.post(f"/jobs/{job.id}/rerun", form)

    assert "1 guest eats a second time." in asked and "choose “Try again”" in asked
    assert Job.objects.get(rerun_of=job.id).kind == "test.fed"


def test_mails_and_campaigns_are_asked_back_about():
    """The kinds that write to people, each by its own name."""
    asking = {kind.name for kind in KINDS.all() if kind.item_words.twice}

    assert asking == {"email.send", "email.campaign", "contact.message"}
