"""Many jobs in one request: each by itself, or all or none."""

from uuid import uuid4

import pydantic
import pytest

from jobs.artifacts import ArtifactId
from jobs.models import Job
from jobs.registry import KINDS
from tests.api.conftest import post
from tests.running import make_kind

pytestmark = pytest.mark.django_db


class WithFile(pydantic.BaseModel, extra="forbid"):
    source: ArtifactId


GOOD = {"kind": "test.frame", "payload": {"width": 20}}
BAD = {"kind": "test.frame", "payload": {"width": 4}}


def test_each_job_of_a_batch_is_accepted_or_rejected_by_itself(api, frame):
    answer = post(api, "/jobs/batch", {"jobs": [GOOD, BAD, GOOD | {"kind": "nope"}, {"speed": 1}, GOOD]})

    found = answer.json()
    assert (answer.status_code, found["accepted"], found["rejected"]) == (200, 2, 3)
    assert [(each["problem"] or {}).get("code") for each in found["jobs"]] == [
        None, "bad_payload", "unknown_kind", "invalid", None,
    ]  # fmt: skip
    accepted = {each["job"]["id"] for each in found["jobs"] if each["job"]}
    assert accepted == {str(job.id) for job in Job.objects.all()}


def test_one_bad_job_refuses_an_atomic_batch_and_names_its_place(api, frame):
    answer = post(api, "/jobs/batch", {"jobs": [GOOD, BAD, GOOD], "atomic": True})

    assert (answer.status_code, answer.json()["code"]) == (422, "batch_refused")
    assert [wrong["pointer"] for wrong in answer.json()["errors"]] == ["/jobs/1/payload/width"]
    assert not Job.objects.exists()


def test_what_is_found_out_only_on_submit_rejects_that_job_alone(api, frame, monkeypatch):
    with_file = make_kind("test.file", WithFile)
    monkeypatch.setattr(KINDS, "_kinds", {**KINDS._kinds, with_file.name: with_file})
    lost = {"kind": "test.file", "payload": {"source": str(uuid4())}}

    answer = post(api, "/jobs/batch", {"jobs": [GOOD, lost, GOOD]})

    assert (answer.json()["accepted"], Job.objects.count()) == (2, 2)
    assert answer.json()["jobs"][1]["problem"]["errors"][0]["pointer"] == "/payload/source"


WIDE = dict.fromkeys([f"field{number}" for number in range(50)], 0)


@pytest.mark.parametrize(
    "job", [GOOD | {"payload": {"width": 20} | WIDE}, GOOD | WIDE], ids=["payload", "job"]
)
def test_each_job_of_a_batch_names_ten_places_and_counts_the_rest(api, frame, job):
    (told,) = post(api, "/jobs/batch", {"jobs": [job]}).json()["jobs"]

    places = told["problem"]["errors"]
    assert len(places) == 11
    assert places[-1] == {"pointer": "", "detail": "40 more places do not fit", "code": "more"}


def test_an_atomic_batch_names_a_thousand_places_and_counts_the_rest(api, frame):
    answer = post(api, "/jobs/batch", {"jobs": [BAD] * 1500, "atomic": True})

    places = answer.json()["errors"]
    assert len(places) == 1001
    assert places[999]["pointer"] == "/jobs/999/payload/width"
    assert places[-1] == {"pointer": "", "detail": "500 more places do not fit", "code": "more"}


def test_a_batch_sent_twice_with_a_key_is_one_batch(api, frame):
    answers = [post(api, "/jobs/batch", {"jobs": [GOOD, GOOD]}, Idempotency_Key="b") for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert Job.objects.count() == 2


def test_jobs_of_one_kind_keep_their_order_among_others(api, frame, monkeypatch):
    other = make_kind("test.other", type(frame.payload.__name__, (frame.payload,), {}), queue="others")
    monkeypatch.setattr(KINDS, "_kinds", {**KINDS._kinds, other.name: other})
    given = [
        {"kind": kind, "payload": {"width": 20 + number}}
        for number, kind in enumerate(["test.frame", "test.other"] * 3)
    ]

    told = post(api, "/jobs/batch", {"jobs": given}).json()["jobs"]

    widths = [Job.objects.get(id=each["job"]["id"]).payload["width"] for each in told]
    in_line = Job.objects.filter(kind="test.frame").order_by("-priority", "turn", "seq")
    assert widths == [20, 21, 22, 23, 24, 25]
    assert [each["job"]["kind"] for each in told] == [each["kind"] for each in given]
    assert [job.payload["width"] for job in in_line] == [20, 22, 24]


def test_what_jobs_differ_in_is_each_ones_own(office, frame):
    later = "2099-01-01T00:00:00+00:00"
    given = [GOOD, GOOD | {"priority": 5}, GOOD | {"run_at": later}, GOOD | {"queue": "default"}] * 2

    told = post(office, "/jobs/batch", {"jobs": given}).json()["jobs"]

    shown = [(job["queue"], job["priority"], job["state"]) for job in (each["job"] for each in told)]
    kept = [
        (job.queue, job.priority, job.state)
        for job in (Job.objects.get(id=each["job"]["id"]) for each in told)
    ]
    assert shown == kept
    assert kept[:4] == [
        ("frames", 0, "queued"), ("frames", 5, "queued"), ("frames", 0, "scheduled"), ("default", 0, "queued")
    ]  # fmt: skip


def test_a_batch_asks_the_database_no_more_often_the_larger_it_is(api, frame, django_assert_max_num_queries):
    post(api, "/jobs", GOOD)  # asks who comes with this token

    with django_assert_max_num_queries(12):
        answer = post(api, "/jobs/batch", {"jobs": [GOOD | {"queue": "default"}] * 100})

    assert answer.json()["accepted"] == Job.objects.filter(queue="default").count() == 100


@pytest.mark.parametrize(
    "jobs", [[], [GOOD] * 10_001, "no list", [1]], ids=["none", "too many", "no list", "no job"]
)
def test_a_batch_has_one_to_ten_thousand_jobs(api, frame, jobs):
    answer = post(api, "/jobs/batch", {"jobs": jobs})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
