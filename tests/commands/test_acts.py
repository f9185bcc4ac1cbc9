"""The commands that look at jobs and act on them."""

import json
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from jobs.models import Job, JobEvent, Queue
from tests.commands.conftest import KIND, Run
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def test_jobs_are_listed_with_the_reason_they_wait(run: Run) -> None:
    waiting = make_job("queued", kind=KIND, queue="frames")
    broken = make_job("failed", kind=KIND, queue="frames", error="it broke\nsomewhere")

    ran = run("jobs")

    lines = ran.out.splitlines()
    assert lines[0].split()[0] == "ID"
    assert str(broken.id) in lines[1]
    assert lines[1].endswith("it broke")
    assert str(waiting.id) in lines[2]
    assert "No running worker listens to queue frames" in lines[2]


@pytest.mark.parametrize(
    ("state", "is_noted"), [("running", False), ("succeeded", False), ("cancelled", True)]
)
def test_the_note_is_no_error_of_an_attempt_that_is_over(run: Run, state: str, is_noted: bool) -> None:
    make_job(state, kind=KIND, error="it broke")

    assert ("it broke" in run("jobs").out) is is_noted


def test_filters_choose_and_json_tells_all(run: Run, bob: User) -> None:
    mine = make_job("failed", owner=bob, kind=KIND, result={"a": 1})
    make_job("failed", kind=KIND)
    make_job("queued", owner=bob, kind=KIND)

    ran = run("jobs", "--state", "failed", "--owner", "bob", "--json")

    [told] = json.loads(ran.out)
    assert (told["id"], told["result"], told["reason"]) == (str(mine.id), {"a": 1}, None)


def test_an_id_that_nobody_has_is_said(run: Run) -> None:
    ran = run("jobs", uuid4())

    assert ran.code == 2
    assert "There is no job" in ran.err


def test_cancel_says_what_it_did_and_who_did_it(run: Run) -> None:
    waiting, ended = make_job("queued"), make_job("succeeded")

    ran = run("cancel", waiting.id, ended.id)

    assert (ran.code, ran.out.split()) == (0, [str(waiting.id)])
    assert f"Job {ended.id} has ended already." in ran.err
    assert Job.objects.get(id=waiting.id).state == "cancelled"
    assert JobEvent.objects.get(event="cancelled").actor.endswith("(command line)")


def test_nothing_to_cancel_is_exit_code_1(run: Run) -> None:
    ended, unknown = make_job("succeeded"), uuid4()

    ran = run("cancel", ended.id, unknown)

    assert ran.code == 1
    assert f"There is no job {unknown}." in ran.err


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_an_id_that_no_job_has_is_exit_code_2(run: Run, act: str) -> None:
    ran = run(act, uuid4())

    assert ran.code == 2
    assert "There is no job" in ran.err


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_list_of_none_is_refused(run: Run, limit: str) -> None:
    ran = run("jobs", f"--limit={limit}")

    assert ran.code == 2
    assert f"{limit!r} is no number from 1 on" in ran.err


def test_an_unknown_scope_is_told_which_there_are(run: Run) -> None:
    ran = run("token", "create", "shop", "--owner", "alice", "--scope", "everything")

    assert ran.code == 2
    assert "'submit', 'read'" in ran.err
    assert "<Scope" not in ran.err


def test_retry_queues_what_failed(run: Run) -> None:
    failed = make_job("failed", failures=3)

    ran = run("retry", failed.id)

    assert ran.out.strip() == str(failed.id)
    assert Job.objects.get(id=failed.id).state == "queued"


def test_a_queue_is_paused_with_a_reason_and_resumed(run: Run) -> None:
    assert run("pause", "frames", "--reason", "new frames").code == 0
    assert Queue.objects.get(name="frames").pause_reason == "new frames"

    assert run("resume", "frames").out == "Queue frames is open again.\n"
    assert run("resume", "frames").out == "Queue frames was not paused.\n"


def test_a_misspelt_queue_is_not_paused(run: Run) -> None:
    ran = run("pause", "frame")

    assert ran.code == 2
    assert "Did you mean 'frames'?" in ran.err
    assert not Queue.objects.exists()


def test_kinds_are_listed_and_described(run: Run) -> None:
    assert f"{KIND}  " in run("kinds").out

    told = {kind["kind"]: kind for kind in json.loads(run("kinds", "--json").out)}
    assert told[KIND]["payload"]["properties"]["width"]["minimum"] == 16
