"""`manage.py watch`: jobs until they have ended."""

import json
from uuid import uuid4

import pytest
from django.utils import timezone

from jobs.management import follow
from jobs.models import Job, LogLine, Progress
from tests.commands.conftest import KIND, Run
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def test_log_lines_are_told_and_how_each_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = make_job("running"), make_job("running")
    LogLine.objects.create(job=good, attempt=1, at=timezone.now(), level="info", text="half of it is done")
    Progress.objects.create(job=good, attempt=1, fraction=0.5, note="", updated_at=timezone.now())

    def pass_time(seconds: float) -> None:
        end = {"holder": None, "lease": None, "finished_at": timezone.now()}
        Job.objects.filter(id=good.id).update(state="succeeded", code="ok", **end)
        Job.objects.filter(id=bad.id).update(state="failed", code="error", error="it broke", **end)

    monkeypatch.setattr(follow.time, "sleep", pass_time)

    ran = run("watch", good.id, bad.id)

    assert ran.code == 1
    assert f"Job {good.id} succeeded after " in ran.out
    assert f"Job {bad.id} failed after " in ran.out and ": it broke" in ran.out
    assert f"{good.id} " in ran.err and ran.err.count("half of it is done") == 1
    assert "0 of 2 ended; 2 running" in ran.err
    assert "1 of 2 did not succeed" in ran.err


def test_success_is_exit_code_0_and_json_a_line_for_each(run: Run) -> None:
    jobs = [make_job("succeeded", result={"n": n}) for n in range(2)]

    ran = run("watch", *(job.id for job in jobs), "--json")

    assert (ran.code, ran.err) == (0, "")
    assert [json.loads(line)["result"] for line in ran.out.splitlines()] == [{"n": 0}, {"n": 1}]


def test_it_ends_when_its_time_is_over_and_says_that_jobs_go_on(run: Run) -> None:
    ran = run("watch", make_job("queued").id, "--timeout", 0)

    assert ran.code == 3
    assert "they go on without us" in ran.err


@pytest.mark.parametrize("command", ["watch", "submit"])
def test_who_stops_waiting_is_told_how_to_go_on(
    run: Run, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(follow.time, "sleep", interrupt)
    file = tmp_path / "a.txt"
    file.write_text("hello")
    given = {
        "watch": lambda: (make_job("queued").id,),
        "submit": lambda: (KIND, "--file", file, "--width", 20, "--wait"),
    }

    ran = run(command, *given[command]())

    assert ran.code == 130
    assert f"`manage.py watch {Job.objects.get().id}` follows" in ran.err


def test_a_job_that_nobody_knows_is_refused(run: Run) -> None:
    assert run("watch", uuid4()).code == 2
