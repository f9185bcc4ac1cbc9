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


def test_a_batch_sent_twice_with_a_key_is_one_batch(api, frame):
    answers = [post(api, "/jobs/batch", {"jobs": [GOOD, GOOD]}, Idempotency_Key="b") for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert Job.objects.count() == 2


@pytest.mark.parametrize("jobs", [[], [GOOD] * 1001, "no list", [1]])
def test_a_batch_has_one_to_a_thousand_jobs(api, frame, jobs):
    answer = post(api, "/jobs/batch", {"jobs": jobs})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
