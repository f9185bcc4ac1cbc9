"""Django's admin: looks at everything, acts by the verbs only."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from uuid_utils.compat import uuid7

from jobs import events
from jobs.database import DJANGO
from jobs.models import Job, JobEvent, Queue, Worker
from tests.factories import give, make_artifact, make_job

pytestmark = pytest.mark.django_db
JOBS = "/admin/millrace_jobs/job/"
QUEUES = "/admin/millrace_jobs/queue/"
VIEWS = ("view_job", "view_queue", "change_queue", "view_worker", "view_artifact", "view_jobevent")


@pytest.fixture(autouse=True)
def silence(rung: list[str]) -> list[str]:
    return rung


def at_the_admin(name: str, *rights: str, **fields: bool) -> Client:
    user = get_user_model().objects.create_user(name, is_staff=True, **fields)
    client = Client()
    client.force_login(give(user, *rights))
    return client


@pytest.fixture
def office(db: None) -> Client:
    return at_the_admin("olga", "operate_job", *VIEWS)


@pytest.fixture
def looker(db: None) -> Client:
    return at_the_admin("larry", *VIEWS[:1])


def run(browser: Client, url: str, action: str, *ids: object) -> str:
    """What the admin says after an action on these rows."""
    data = {"action": action, "_selected_action": [str(one) for one in ids]}
    text = browser.post(url, data, follow=True).content.decode()
    found = re.search(r'<li class="(?:success|warning)">([^<]+)</li>', text)
    return found[1] if found else ""


def test_cancelling_calls_the_verb_and_counts_what_was_too_late(office):
    waiting, running, ended = make_job("queued"), make_job("running"), make_job("succeeded")

    said = run(office, JOBS, "cancel", waiting.id, running.id, ended.id)

    assert said == "2 cancelled or asked to stop; 1 had ended already."
    states = dict(Job.objects.values_list("id", "state"))
    assert [states[job.id] for job in (waiting, running, ended)] == ["cancelled", "running", "succeeded"]
    assert set(JobEvent.objects.values_list("event", "actor")) == {
        ("cancelled", "olga"),
        ("cancel_asked", "olga"),
    }


def test_retrying_calls_the_verb(office):
    failed, ended = make_job("failed"), make_job("succeeded")

    said = run(office, JOBS, "retry", failed.id, ended.id)

    assert said == "1 queued again; 1 were neither failed nor cancelled."
    assert set(Job.objects.values_list("state", flat=True)) == {"queued", "succeeded"}


def test_who_may_only_look_has_no_actions(looker):
    job = make_job("failed")

    run(looker, JOBS, "retry", job.id)
    run(looker, JOBS, "delete_selected", job.id)

    assert Job.objects.get().state == "failed"
    assert 'value="retry"' not in looker.get(JOBS).content.decode()


def test_nobody_edits_adds_or_deletes_a_job(office):
    job = make_job("failed")
    boss = at_the_admin("boss", is_superuser=True)

    for browser in (office, boss):
        assert browser.get(f"{JOBS}add/").status_code == 403
        assert browser.post(f"{JOBS}{job.id}/change/", {"state": "succeeded"}).status_code == 403
        assert browser.post(f"{JOBS}{job.id}/delete/", {"post": "yes"}).status_code == 403
    assert Job.objects.get().state == "failed"


def test_a_job_is_found_by_its_whole_id_alone(office):
    jobs = [make_job(), make_job()]

    def found(term: str) -> int:
        return office.get(JOBS, {"q": term}).content.decode().count('class="action-checkbox"')

    assert found(str(jobs[0].id)) == 1
    assert found(str(jobs[0].id)[:8]) == 0
    assert found("'; --") == 0
    assert found("") == 2


def test_filters_know_the_kinds_and_states(office):
    make_job("failed", kind="test.ok")
    make_job("queued", kind="test.tiny", queue="tiny")

    text = office.get(JOBS).content.decode()
    filtered = office.get(JOBS, {"kind": "test.tiny", "state": "queued", "queue": "tiny"}).content.decode()

    assert "?kind=test.ok" in text and "?state__exact=failed" in text and "?queue=tiny" in text
    assert filtered.count('class="action-checkbox"') == 1


def test_a_job_shows_what_happened_to_it(office):
    job = make_job("failed", payload={"a": 4711}, error="the reason")
    events.record([(job.id, "lost", 1, "", "the worker went silent")], db=DJANGO)

    text = office.get(f"{JOBS}{job.id}/change/").content.decode()

    assert "4711" in text and "the reason" in text and "the worker went silent" in text
    assert f'href="/jobs/{job.id}"' in text


def test_queues_are_paused_and_resumed_by_the_verbs(office, silence):
    Queue.objects.create(name="deep", pause_reason="low water")

    run(office, QUEUES, "pause", "deep")
    paused = Queue.objects.get()
    said = run(office, QUEUES, "resume", "deep")

    assert (paused.is_paused, paused.paused_by, paused.pause_reason) == (True, "olga", "low water")
    assert said == "Open again: deep."
    assert not Queue.objects.get().is_paused


def test_a_pause_cannot_be_edited_or_deleted_past_the_verbs(office):
    Queue.objects.create(name="deep", is_paused=True, pause_reason="old")

    office.post(f"{QUEUES}deep/change/", {"is_paused": "", "pause_reason": "new"})

    assert Queue.objects.get().is_paused and Queue.objects.get().pause_reason == "new"
    assert office.post(f"{QUEUES}deep/delete/", {"post": "yes"}).status_code == 403


def test_workers_and_files_are_there_to_look_at(office):
    worker = Worker.objects.create(
        id=uuid7(), name="celery@mill", pid=1, version="1", queues=["a"], kinds=["b"], slots=1
    )
    file = make_artifact(name="mill.png")

    assert "celery@mill" in office.get("/admin/millrace_jobs/worker/").content.decode()
    assert office.get(f"/admin/millrace_jobs/worker/{worker.id}/change/").status_code == 200
    text = office.get(f"/admin/millrace_jobs/artifact/{file.id}/change/").content.decode()
    assert "/files/" in text


@pytest.mark.parametrize(
    "path",
    ["auth/user/add/", "auth/group/add/", "django_celery_beat/periodictask/add/", "millrace_jobs/queue/add/"],
)
def test_the_strict_policy_breaks_no_form_of_the_admin(path):
    """The policy lets no inline script run, so there must be none."""
    answer = at_the_admin("boss", is_superuser=True).get(f"/admin/{path}")
    text = answer.content.decode()

    scripts = re.findall(r"<script([^>]*)>", text)
    assert answer.status_code == 200 and scripts
    assert [script for script in scripts if "src=" not in script and "application/json" not in script] == []
    assert not re.search(r'\son\w+="', text)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
