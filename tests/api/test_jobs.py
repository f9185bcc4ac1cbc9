"""Submit, look and act by program."""

import json
import re

import pytest

from jobs.models import Job, LogLine
from jobs.search import export
from tests.api.conftest import BASE, post, program
from tests.factories import make_artifact, make_group, make_job

pytestmark = pytest.mark.django_db


def test_an_accepted_job_is_in_the_database_and_says_where_to_look(api, frame, submitter):
    answer = post(api, "/jobs", {"kind": "test.frame", "payload": {"width": 256}})

    job = Job.objects.get()
    assert answer.status_code == 202
    assert answer["Location"] == f"{BASE}/jobs/{job.id}" == answer.json()["links"]["self"]
    assert int(answer["Retry-After"]) >= 1
    assert (job.kind, job.owner, job.door, job.payload["width"]) == ("test.frame", submitter, "api", 256)


def test_a_job_that_waits_says_why(api, submitter):
    job = make_job("queued", owner=submitter)

    found = api.get(f"{BASE}/jobs/{job.id}").json()

    assert found["state"] == "queued"
    assert found["waiting"]["reason"] == "no_worker"


def test_what_the_caller_has_already_is_not_sent_again(api, submitter):
    job = make_job("succeeded", owner=submitter)
    first = api.get(f"{BASE}/jobs/{job.id}")

    same = api.get(f"{BASE}/jobs/{job.id}", headers={"If-None-Match": first["ETag"]})
    Job.objects.filter(pk=job.pk).update(version=7)
    other = api.get(f"{BASE}/jobs/{job.id}", headers={"If-None-Match": first["ETag"]})

    assert (same.status_code, same.content, other.status_code) == (304, b"", 200)


def test_the_etag_moves_with_the_reason_although_the_version_does_not(api, submitter):
    from jobs.lifecycle.pause import pause_queue

    job = make_job("queued", owner=submitter)
    first = api.get(f"{BASE}/jobs/{job.id}")
    pause_queue("default", actor="olga", reason="repairs")

    second = api.get(f"{BASE}/jobs/{job.id}", headers={"If-None-Match": first["ETag"]})

    assert second.json()["waiting"]["reason"] == "paused"
    assert second.json()["version"] == first.json()["version"]


def test_pages_of_jobs_join_without_gap_or_repetition(api, submitter):
    made = [make_job("queued", owner=submitter) for _ in range(5)][::-1]
    make_job("queued", owner=submitter, kind="test.other")

    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{BASE}/jobs", {"filter": "kind:test.ok", "limit": 2, "cursor": cursor}).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]

    assert seen == [str(job.id) for job in made]


def test_links_lead_through_the_pages_and_back(api, submitter):
    made = [str(make_job("queued", owner=submitter).id) for _ in range(5)][::-1]

    address, pages = f"{BASE}/jobs?filter=kind:test.ok&limit=2&count=true", []
    while address:
        answer = api.get(address)
        pages.append([job["id"] for job in answer.json()["jobs"]])
        address = linked(answer, "next")
    before = api.get(linked(answer, "prev"))

    assert pages == [made[:2], made[2:4], made[4:]]
    assert [job["id"] for job in before.json()["jobs"]] == made[2:4]
    assert before.json()["count"] is None, "counted once"


def test_a_jobs_link_leads_to_what_describes_it(api, frame, submitter):
    job = make_job("queued", kind="test.frame", owner=submitter)

    answer = api.get(linked(api.get(f"{BASE}/jobs/{job.id}"), "describedby"))

    assert answer.json()["payload_schema"]["properties"]["width"]["minimum"] == 16


def test_a_logs_link_goes_on_behind_the_last_line(api, submitter):
    job = make_job("running", owner=submitter)
    for number in range(3):
        LogLine.objects.create(job=job, attempt=1, at=job.created_at, level="info", text=str(number))

    first = api.get(f"{BASE}/jobs/{job.id}/log?limit=2")
    second = api.get(linked(first, "next"))

    assert [line["text"] for line in second.json()["lines"]] == ["2"]
    assert linked(second, "next") == ""


def linked(answer, relation: str) -> str:
    """Where the `Link` of an answer leads, by relation."""
    found = re.findall(r'<([^>]*)>; rel="([a-z]+)"', answer.get("Link", ""))
    return {name: target for target, name in found}.get(relation, "")


def test_what_waits_is_cancelled_and_what_runs_is_asked(api, submitter):
    waiting, running = make_job("queued", owner=submitter), make_job("running", owner=submitter)

    answers = [post(api, f"/jobs/{job.id}/cancel") for job in (waiting, running)]

    assert [answer.status_code for answer in answers] == [200, 202]
    assert [answer.json()["state"] for answer in answers] == ["cancelled", "running"]
    assert answers[1].json()["cancel_asked"] is True


@pytest.mark.parametrize(
    ("act", "state"), [("cancel", "succeeded"), ("retry", "queued"), ("retry", "succeeded")]
)
def test_what_a_state_does_not_allow_is_a_conflict(api, submitter, act, state):
    job = make_job(state, owner=submitter)

    answer = post(api, f"/jobs/{job.id}/{act}")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert Job.objects.get().state == state


def test_a_retried_job_keeps_its_id(api, submitter):
    job = make_job("failed", owner=submitter)

    answer = post(api, f"/jobs/{job.id}/retry")

    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, str(job.id), "queued")


def test_a_rerun_is_a_new_job_with_the_old_payload_or_another(api, frame, submitter):
    old = make_job("failed", kind="test.frame", owner=submitter, payload={"width": 100})

    bodies = (None, {"payload": {"width": 20}})
    ids = [post(api, f"/jobs/{old.id}/rerun", body).json()["id"] for body in bodies]

    assert [Job.objects.get(pk=id).payload["width"] for id in ids] == [100, 20]
    assert {Job.objects.get(pk=id).rerun_of for id in ids} == {old.id}


def test_the_result_tells_values_and_files(api, submitter):
    job = make_job("succeeded", owner=submitter, result={"sum": 3})
    for name in ("a.txt", "b.txt"):
        make_artifact(owner=submitter, job=job.id, name=name)

    found = api.get(f"{BASE}/jobs/{job.id}/result").json()

    assert found["values"] == {"sum": 3}
    assert {file["name"] for file in found["artifacts"]} == {"a.txt", "b.txt"}


def test_a_result_of_one_file_leads_to_the_file(api, submitter):
    import io

    from jobs.artifacts import store_upload

    job = make_job("succeeded", owner=submitter)
    file = store_upload(io.BytesIO(b"the words"), name="out.txt", owner=submitter)
    file.job = job
    file.save()

    answer = api.get(f"{BASE}/jobs/{job.id}/result")
    bytes_ = b"".join(api.get(answer["Location"]).streaming_content)
    as_json = api.get(f"{BASE}/jobs/{job.id}/result", headers={"Accept": "application/json"})

    assert (answer.status_code, bytes_, as_json.status_code) == (303, b"the words", 200)


def test_a_result_that_is_not_there_yet_says_when_to_ask_again(api, submitter):
    job = make_job("running", owner=submitter)

    answer = api.get(f"{BASE}/jobs/{job.id}/result")

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (409, "not_finished", "1")


def test_a_purged_job_is_gone_for_its_owner_and_unknown_to_others(api, submitter, charlie):
    from datetime import timedelta
    from uuid import uuid4

    from django.utils import timezone

    from jobs.models import Tombstone

    stone = Tombstone.objects.create(id=uuid4(), owner=submitter, until=timezone.now() + timedelta(days=1))

    answers = [client.get(f"{BASE}/jobs/{stone.id}") for client in (api, program(charlie))]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (410, "gone"),
        (404, "not_found"),
    ]


def test_a_group_member_sees_and_does_not_act(api, frame, bob, submitter):
    job = make_job("queued", owner=submitter, group=make_group())
    theirs = program(bob)

    assert theirs.get(f"{BASE}/jobs/{job.id}").status_code == 200
    assert post(theirs, f"/jobs/{job.id}/cancel").json()["code"] == "not_allowed"
    assert Job.objects.get().state == "queued"


def test_a_job_is_shared_with_a_group_of_ones_own_only(api, frame):
    make_group("strangers")
    body = {"kind": "test.frame", "payload": {"width": 20}}

    mine = post(api, "/jobs", body | {"group": "friends"})
    other = post(api, "/jobs", body | {"group": "strangers"})

    assert mine.status_code == 202
    assert Job.objects.get().group.name == "friends"
    assert other.json()["errors"][0]["pointer"] == "/group"


def test_only_operators_change_priorities(api, office, frame):
    body = {"kind": "test.frame", "payload": {"width": 20}, "priority": 5}

    assert post(api, "/jobs", body).json()["code"] == "not_allowed"
    assert post(office, "/jobs", body).status_code == 202


@pytest.mark.parametrize("source", ["photo.jpg", 7], ids=["a-name", "a-number"])
def test_where_a_files_id_belongs_something_else_is_told_how_to_become_one(api, source):
    answer = post(api, "/jobs", {"kind": "images.resize", "payload": {"source": source}})

    [wrong] = answer.json()["errors"]
    assert wrong["pointer"] == "/payload/source"
    assert "POST /uploads" in wrong["detail"]


def test_a_queue_that_nobody_knows_is_refused(api, frame):
    answer = post(api, "/jobs", {"kind": "test.frame", "payload": {"width": 20}, "queue": "frmes"})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/queue")
    assert not Job.objects.exists()


def test_a_later_job_is_scheduled(api, frame):
    body = {"kind": "test.frame", "payload": {"width": 20}, "run_at": "2099-01-01T00:00:00Z"}

    answer = post(api, "/jobs", body)

    assert answer.json()["state"] == Job.objects.get().state == "scheduled"


def test_a_filter_chooses_and_a_cursor_holds_for_it_alone(api, submitter):
    for _ in range(3):
        make_job("failed", owner=submitter)
    make_job("queued", owner=submitter)

    page = api.get(f"{BASE}/jobs", {"filter": "state:failed", "limit": 2, "count": "true"}).json()
    foreign = api.get(f"{BASE}/jobs", {"filter": "state:queued", "cursor": page["next"]})

    assert [job["state"] for job in page["jobs"]] == ["failed", "failed"]
    assert page["count"] == {"number": 3, "is_more": False}
    assert (foreign.status_code, foreign.json()["code"]) == (400, "bad_cursor")


def test_a_word_that_is_not_understood_is_named(api):
    found = api.get(f"{BASE}/jobs", {"filter": "stat:failed"}).json()

    assert found["code"] == "bad_filter"
    assert found["errors"] == [
        {
            "pointer": "query:filter",
            "detail": "column 1, stat:failed: there is no field `stat`; did you mean `state`? "
            "(To find the text itself, put it in quotes.)",
            "code": "bad_filter",
        }
    ]


def test_an_export_streams_each_visible_job_once_and_whole(api, submitter, charlie, monkeypatch):
    monkeypatch.setattr(export, "AT_ONCE", 2)
    made = [make_job("failed", owner=submitter, payload={"n": n}) for n in range(5)][::-1]
    make_job("failed", owner=charlie)
    make_job("queued", owner=submitter)

    answered = api.get(f"{BASE}/jobs/export", {"filter": "state:failed"})

    assert answered.streaming and answered["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in b"".join(answered.streaming_content).splitlines()]
    assert [(line["id"], line["payload"]) for line in lines] == [(str(job.id), job.payload) for job in made]


def test_an_export_of_nothing_is_empty_and_a_bad_filter_a_problem(api):
    assert b"".join(api.get(f"{BASE}/jobs/export").streaming_content) == b""
    assert api.get(f"{BASE}/jobs/export", {"filter": "stat:x"}).json()["code"] == "bad_filter"


def test_a_rerun_may_come_later(api, frame, submitter):
    old = make_job("failed", kind="test.frame", owner=submitter, payload={"width": 100})

    answer = post(api, f"/jobs/{old.id}/rerun", {"run_at": "2099-01-01T00:00:00Z"})

    assert (answer.status_code, answer.json()["state"]) == (202, "scheduled")
