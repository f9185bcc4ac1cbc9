"""`PATCH` of a job that has not started, for the job as its caller saw it."""

from typing import Any

import pytest
from django.test import Client

from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.pause import pause_queue
from jobs.models import Job, JobEvent
from tests.api.conftest import BASE, program
from tests.factories import make_job

pytestmark = pytest.mark.django_db
LATER = "2099-01-01T00:00:00Z"


def patch(client: Client, job: Job, body: Any, tag: str | None = "*", **headers: str) -> Any:
    """Send a change; with `If-Match` unless there is no tag."""
    named = headers | ({"If-Match": tag} if tag is not None else {})
    path = f"{BASE}/jobs/{job.id}"
    return client.patch(path, body, content_type="application/json", headers=named)


def tag_of(client: Client, job: Job) -> str:
    return str(client.get(f"{BASE}/jobs/{job.id}")["ETag"])


@pytest.fixture
def job(frame, submitter) -> Job:
    return make_job("queued", kind="test.frame", queue="frames", owner=submitter, payload={"width": 20})


def test_what_was_seen_is_changed_and_answered_with_its_new_tag(api, job):
    answer = patch(api, job, {"payload": {"width": 99}, "run_at": LATER}, tag_of(api, job))

    assert (answer.status_code, answer.json()["state"]) == (200, "scheduled")
    assert answer.json()["payload"] == {"width": 99, "title": "no title", "more": None}
    assert answer["ETag"] == tag_of(api, job)
    assert JobEvent.objects.get(job=job).actor == "alice"


def test_what_is_left_out_stays(api, job):
    patch(api, job, {"run_at": LATER})

    after = Job.objects.get()
    assert (after.payload, after.queue, after.priority) == ({"width": 20}, "frames", 0)


def test_a_time_is_taken_away_with_null(api, job):
    patch(api, job, {"run_at": LATER})

    assert patch(api, job, {"run_at": None}).json()["state"] == "queued"


def test_without_a_tag_nothing_is_changed(api, job):
    answer = patch(api, job, {"run_at": LATER}, None)

    assert (answer.status_code, answer.json()["code"]) == (428, "no_if_match")
    assert Job.objects.get().version == job.version


@pytest.mark.parametrize("tag", ['"9-0"', "W/{tag}", '"x"', "1-0", ""], ids=str)
def test_a_tag_that_is_not_the_jobs_own_changes_nothing(api, job, tag):
    answer = patch(api, job, {"run_at": LATER}, tag.format(tag=tag_of(api, job)))

    assert (answer.status_code, answer.json()["code"]) == (412, "changed_meanwhile")
    assert Job.objects.get().version == job.version


@pytest.mark.parametrize("tag", ["W/{tag}", "1-0"], ids=str)
def test_a_tag_that_is_none_of_ours_is_told_from_an_old_one(api, job, tag):
    """Who forgot the quotes would look again for ever."""
    none = patch(api, job, {"run_at": LATER}, tag.format(tag=tag_of(api, job)))
    old = patch(api, job, {"run_at": LATER}, '"9-0"')

    assert "in its quotes" in none.json()["detail"]
    assert "Get it again" in old.json()["detail"]


def test_one_of_several_tags_is_enough(api, job):
    tag = f'"9-0", {tag_of(api, job)}'

    assert patch(api, job, {"run_at": LATER}, tag).status_code == 200


def test_a_reason_that_moved_meanwhile_is_nobodys_change(api, job):
    tag = tag_of(api, job)
    pause_queue("frames", actor="olga")
    assert tag_of(api, job) != tag

    assert patch(api, job, {"run_at": LATER}, tag).status_code == 200


def test_the_same_again_is_the_same_answer_and_no_second_change(api, job):
    tag = tag_of(api, job)
    answers = [patch(api, job, {"run_at": LATER}, tag) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert JobEvent.objects.filter(job=job).count() == 1


def test_a_key_repeats_the_first_answer(api, job):
    tag = tag_of(api, job)
    key = {"Idempotency-Key": "once"}
    first = patch(api, job, {"run_at": LATER}, tag, **key)
    patch(api, job, {"run_at": None})

    again = patch(api, job, {"run_at": LATER}, tag, **key)

    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert again["ETag"] == first["ETag"]


@pytest.mark.parametrize("state", ["running", "retrying", "succeeded", "failed", "cancelled"])
def test_what_has_started_is_a_conflict_whatever_the_tag(api, frame, submitter, state):
    job = make_job(state, kind="test.frame", owner=submitter)

    answer = patch(api, job, {"run_at": LATER}, '"77-0"')

    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "invalid", ""),
        ({"kind": "test.ok"}, "invalid", "/kind"),
        ({"payload": None}, "invalid", "/payload"),
        ({"priority": 101}, "invalid", "/priority"),
        ({"priority": None}, "invalid", "/priority"),
        ({"run_at": "tomorrow"}, "invalid", "/run_at"),
        ({"queue": "nobody-serves-it"}, "invalid", "/queue"),
        ({"payload": {"width": 4}}, "bad_payload", "/payload/width"),
        ({"payload": {"width": "20"}}, "bad_payload", "/payload/width"),
    ],
    ids=str,
)
def test_what_does_not_fit_names_its_place_and_changes_nothing(api, job, body, code, pointer):
    answer = patch(api, job, body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [wrong["pointer"] for wrong in answer.json()["errors"]] == [pointer]
    assert Job.objects.get().version == job.version


@pytest.mark.parametrize("format", ["application/merge-patch+json", "application/json-patch+json"])
def test_a_patch_by_other_rules_is_told_which_ones_hold(api, job, format):
    path = f"{BASE}/jobs/{job.id}"
    answer = api.patch(path, {"run_at": LATER}, content_type=format, headers={"If-Match": "*"})

    assert (answer.status_code, answer["Accept-Patch"]) == (415, "application/json")


def test_only_operators_change_priorities_and_anothers_job(api, office, job):
    assert patch(api, job, {"priority": 5}).json()["code"] == "not_allowed"
    assert patch(api, job, {"priority": 0, "run_at": LATER}).status_code == 200
    assert patch(office, job, {"priority": 5}).json()["priority"] == 5


def test_an_operator_is_told_which_scope_their_token_lacks(operator, job):
    job.owner = operator
    job.save()

    answer = patch(program(operator, "submit", "read"), job, {"priority": 5})

    assert answer.json()["code"] == "not_allowed"
    assert "scope `operate`" in answer.json()["detail"]


def test_a_job_whose_kind_only_millrace_asks_for_keeps_its_payload(office, submitter):
    job = make_job("queued", kind="webhooks.deliver", owner=submitter)

    assert patch(office, job, {"payload": {}}).json()["code"] == "unknown_kind"
    assert patch(office, job, {"priority": 5}).status_code == 200


def test_what_was_changed_is_what_runs(api, job):
    from uuid import uuid4

    from jobs.database import DJANGO

    patch(api, job, {"payload": {"width": 99}})

    (claimed,) = claim_jobs(Asking(queue="frames", holder=uuid4(), kinds={"test.frame": 1}), db=DJANGO)
    assert '"width": 99' in claimed.payload
