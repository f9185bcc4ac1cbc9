"""Jobs by a filter on the command line: listed, acted on after a yes, exported."""

import io
import json
import sys
from typing import Any

import pytest

from jobs.management.acts import Act
from jobs.models import Job
from jobs.search import export
from tests.commands.conftest import KIND, Run
from tests.factories import make_job

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    """Somebody sits there and types this."""

    def isatty(self) -> bool:
        return True


def state_of(job: Job) -> str:
    return Job.objects.get(id=job.id).state


def test_the_list_takes_the_words_of_a_filter_also_turned_round(run: Run) -> None:
    wanted = make_job("failed", kind=KIND)
    make_job("failed", queue="bulk")
    make_job("queued")

    ran = run("jobs", "state:failed", "-queue:bulk", "--json")

    assert [told["id"] for told in json.loads(ran.out)] == [str(wanted.id)]
    assert run("jobs", "state:failed -queue:bulk", "--count").out == "1\n"


def test_the_note_says_what_ended_a_job_and_else_what_it_is_about(run: Run) -> None:
    make_job("succeeded", kind="email.send", payload={"subject": "The mill is running"})
    make_job("failed", kind="email.send", payload={"subject": "It stopped"}, error="550 no such user")

    lines = run("jobs", "kind:email.send").out.splitlines()

    assert lines[1].endswith("550 no such user")
    assert lines[2].endswith("The mill is running")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "nope"), "there is no kind `nope`; there are: "),
        (("--queue", "frame"), "Did you mean 'frames'?"),
        (("--owner", "nobody"), "there is no user `nobody`"),
        (("stat:failed",), "did you mean `state`?"),
    ],
)
def test_a_filter_that_names_what_is_not_there_is_refused(run: Run, arguments: tuple[str], said: str) -> None:
    ran = run("jobs", *arguments)

    assert ran.code == 2
    assert said in ran.err


def test_a_list_that_is_cut_off_says_so(run: Run) -> None:
    for _ in range(3):
        make_job()

    assert "--limit N shows more" in run("jobs", "--limit", 2).err
    assert run("jobs", "--limit", 3).err == ""


def test_a_filter_acts_only_after_a_yes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, other = make_job("queued", queue="a"), make_job("queued", queue="b")
    make_job("succeeded", queue="a")

    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    refused = run("cancel", "queue:a")
    assert (refused.code, state_of(waiting)) == (1, "queued")
    assert "Cancel 1 job? [y/N]" in refused.err and str(waiting.id) in refused.err

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    ran = run("cancel", "queue:a")
    assert (ran.code, ran.out.split()) == (0, [str(waiting.id)])
    assert (state_of(waiting), state_of(other)) == ("cancelled", "queued")


def test_where_nobody_can_answer_a_filter_needs_its_yes_before(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = make_job("failed", kind=KIND)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    refused = run("retry", "kind:tests.*")
    assert (refused.code, state_of(failed)) == (2, "failed")
    assert "--yes" in refused.err

    ran = run("retry", "kind:tests.*", "--yes", "--json")
    assert json.loads(ran.out) == {"jobs": [str(failed.id)], "others": [], "dry_run": False}
    assert state_of(failed) == "queued"


def test_a_dry_run_says_which_and_does_nothing(run: Run) -> None:
    failed, ended = make_job("failed"), make_job("succeeded")

    for arguments in (("state:failed",), (failed.id, ended.id)):
        ran = run("retry", *arguments, "--dry-run")
        assert (ran.code, ran.out.split(), state_of(failed)) == (0, [str(failed.id)], "failed")


@pytest.mark.parametrize("filter", ["", "  "])
def test_an_empty_filter_acts_on_nothing(run: Run, filter: str) -> None:
    job = make_job("queued")

    assert run("cancel", filter, "--yes").code == 2
    assert state_of(job) == "queued"


def test_a_filter_that_finds_nothing_to_act_on_is_exit_code_1(run: Run) -> None:
    make_job("succeeded", queue="a")

    ran = run("cancel", "queue:a", "--yes")

    assert ran.code == 1
    assert "No job that fits can be cancelled" in ran.err


def test_what_was_done_before_an_interruption_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [make_job("queued") for _ in range(3)]
    monkeypatch.setattr("jobs.management.acts.AT_ONCE", 1)
    real, calls = Act.act, []

    def act(self: Any, ids: Any) -> Any:
        calls.append(ids)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, ids)

    monkeypatch.setattr(Act, "act", act)

    ran = run("cancel", "state:queued", "--yes")

    assert ran.code == 130
    assert "2 jobs cancelled so far; the others are as they were" in ran.err
    assert [state_of(job) for job in jobs] == ["queued", "cancelled", "cancelled"]


def test_an_export_is_a_line_for_each_job_that_fits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    made = [make_job("failed", payload={"n": n}) for n in range(5)][::-1]
    make_job("queued")

    ran = run("export", "state:failed")

    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [(line["id"], line["payload"]["n"]) for line in lines] == [
        (str(job.id), job.payload["n"]) for job in made
    ]
    assert ran.err == "5 jobs\n"


def test_an_export_that_is_interrupted_says_how_far_it_came(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(jobs: Any, *, of: str) -> Any:
        yield list(jobs)
        raise KeyboardInterrupt

    make_job()
    monkeypatch.setattr("jobs.management.commands.export.chunks", broken)

    ran = run("export")

    assert (ran.code, len(ran.out.splitlines())) == (130, 1)
    assert "Interrupted after 1 job;" in ran.err
