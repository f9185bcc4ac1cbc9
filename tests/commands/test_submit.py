"""`manage.py submit`: from options to a job, and its outcome as JSON."""

import io
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from jobs.management.follow import follow
from jobs.management.screen import Screen
from jobs.models import Artifact, Job, Progress
from tests.commands.conftest import KIND, Run
from tests.factories import make_job
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("hello")
    return path


def test_options_become_the_payload_and_the_id_is_printed(run: Run, text_file: Path) -> None:
    ran = run(
        "submit", KIND, "--file", text_file, "--width", 256, "--title", "7", "--is-round",
        "--colours", "red", "--colours", "blue", "--style", "baroque", "--more", '{"a": 1}',
    )  # fmt: skip

    assert (ran.code, ran.err) == (0, "")
    job = Job.objects.get(id=UUID(ran.out.strip()))
    source = Artifact.objects.get()
    assert job.payload == {
        "source": str(source.id), "width": 256, "title": "7", "colours": ["red", "blue"], "is_round": True,
        "style": "baroque", "more": {"a": 1},
    }  # fmt: skip
    assert (job.queue, job.door, job.owner.get_username()) == ("frames", "cli", "millrace.commands")
    assert source.name == "note.txt"


def test_a_whole_payload_may_come_from_a_file_and_an_option_wins(
    run: Run, tmp_path: Path, text_file: Path
) -> None:
    given = tmp_path / "payload.json"
    given.write_text(json.dumps({"source": str(text_file), "width": 64, "title": "from the file"}))

    ran = run("submit", KIND, "--payload", f"@{given}", "--width", 128, "--json")

    told = json.loads(ran.out)
    job = Job.objects.get(id=told["id"])
    assert told["replayed"] is False
    assert (job.payload["width"], job.payload["title"]) == (128, "from the file")


def test_owner_queue_priority_and_time_are_the_callers(run: Run, text_file: Path, alice: User) -> None:
    ran = run(
        "submit", KIND, "--source", text_file, "--width", 64, "--owner", "alice", "--queue", "slow",
        "--priority", -5, "--at", "2126-12-24T18:00+01:00",
    )  # fmt: skip

    job = Job.objects.get(id=ran.out.strip())
    assert (job.owner, job.queue, job.priority, job.state) == (alice, "slow", -5, "scheduled")
    assert job.run_at == datetime(2126, 12, 24, 17, 0, tzinfo=UTC)


def test_a_span_from_now_is_a_time(run: Run, text_file: Path) -> None:
    ran = run("submit", KIND, "--file", text_file, "--width", 64, "--in", "90m")

    due = Job.objects.get(id=ran.out.strip()).run_at
    assert due is not None
    assert abs(due - timezone.now() - timedelta(minutes=90)) < timedelta(minutes=1)


def test_the_same_key_with_the_same_file_is_the_same_job(run: Run, text_file: Path) -> None:
    asked = ["submit", KIND, "--file", text_file, "--width", 64, "--key", "once"]

    first, second, other = run(*asked), run(*asked), run(*asked, "--title", "another")

    assert first.out == second.out
    assert ("submitted before" in first.err, "submitted before" in second.err) == (False, True)
    assert Job.objects.count() == 1
    assert other.code == 2
    assert "was used before" in other.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tests.fram"], "Unknown job kind 'tests.fram'. Did you mean 'tests.frame'?"),
        ([KIND, "--width", "3"], "width: Input should be greater than or equal to 16"),
        ([KIND, "--width", "wide"], "width: Input should be a valid integer"),
        ([KIND, "--payload", "[1]"], "it must be a JSON object"),
        ([KIND, "--payload", "{"], "this is not JSON"),
        ([KIND, "--payload", "@/nowhere"], "No such file"),
        ([KIND, "--file", "/nowhere"], "source: /nowhere: No such file or directory"),
        ([KIND, "--file", "other=/nowhere"], "other: it takes no file; fields that do: source"),
        ([KIND, "--owner", "nobody"], "There is no user 'nobody'"),
        ([KIND, "--colour", "red"], "unrecognized arguments: --colour red"),
        ([KIND, "--in", "soon"], "'soon' is no span of time like 90s"),
        ([KIND, "--priority", "1000"], "Priority 1000 is out of range"),
    ],
)
def test_what_is_wrong_is_one_clear_sentence(
    run: Run, text_file: Path, arguments: list[str], sentence: str
) -> None:
    needed = [] if "--payload" in arguments or "--width" in arguments else ["--width", "64"]
    needed += [] if "--file" in arguments or "tests.fram" in arguments else ["--source", str(text_file)]
    if "tests.fram" in arguments:
        needed = []

    ran = run("submit", *arguments, *needed)

    assert ran.code == 2
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert not Job.objects.exists()


def test_a_file_of_the_wrong_type_is_refused_with_what_is_accepted(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))

    ran = run("submit", KIND, "--file", picture, "--width", 64)

    assert ran.code == 2
    assert "image/png" in ran.err
    assert "text/plain" in ran.err


def test_help_lists_the_fields_of_the_kind(run: Run) -> None:
    ran = run("submit", KIND, "--help")

    assert ran.code == 0
    assert "--width NUMBER" in ran.out
    assert "pixels; required" in ran.out
    assert "what to frame; a file (text/plain)" in " ".join(ran.out.split())
    assert "Exit codes" in ran.out


@pytest.mark.django_db(transaction=True)
def test_waiting_shows_the_way_and_prints_the_outcome(run: Run, text_file: Path) -> None:
    def finish() -> None:
        job = eventually(Job.objects.first)
        Job.objects.filter(id=job.id).update(
            state="succeeded", code="ok", result={"sides": 4}, started_at=timezone.now(),
            finished_at=timezone.now(), attempt=1,
        )  # fmt: skip
        connection.close()

    worker = threading.Thread(target=finish)
    worker.start()
    ran = run("submit", KIND, "--file", text_file, "--width", 64, "--wait", "--timeout", "20s")
    worker.join()

    told = json.loads(ran.out)
    assert ran.code == 0
    assert (told["state"], told["result"]) == ("succeeded", {"sides": 4})
    assert ran.err.startswith(f"job {told['id']}\n")


@pytest.mark.django_db(transaction=True)
def test_a_job_that_fails_while_it_is_waited_for_is_exit_code_1(run: Run, text_file: Path) -> None:
    def finish() -> None:
        job = eventually(Job.objects.first)
        Job.objects.filter(id=job.id).update(
            state="failed", code="error", error="the frame broke", finished_at=timezone.now()
        )
        connection.close()

    worker = threading.Thread(target=finish)
    worker.start()
    ran = run("submit", KIND, "--file", text_file, "--width", 64, "--wait")
    worker.join()

    assert ran.code == 1
    assert json.loads(ran.out)["error"] == "the frame broke"
    assert "failed: the frame broke" in ran.err


def test_waiting_ends_with_exit_code_3_when_the_time_is_over(run: Run, text_file: Path) -> None:
    ran = run("submit", KIND, "--file", text_file, "--width", 64, "--wait", "--timeout", "0.1s")

    assert (ran.code, ran.out) == (3, "")
    assert "queued: No running worker listens to queue frames" in ran.err
    assert "still on its way after 0.1 s" in ran.err


class Terminal(io.StringIO):
    """A screen that remembers everything."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("jobs.management.screen.time.monotonic", lambda: next(clock))
    terminal = Terminal()
    screen = Screen(terminal)

    screen.show("running: decoding", 0.25)
    screen.show("running: decoding", 0.5)

    assert "[██████████████              ]  50% running: decoding, about 20 s left" in terminal.getvalue()


def test_the_progress_of_an_earlier_attempt_is_not_shown() -> None:
    job = make_job("running", attempt=2)
    Progress.objects.create(job=job, attempt=1, fraction=0.9, note="old", updated_at=timezone.now())
    screen = io.StringIO()

    assert follow(job.id, timeout=0, screen=Screen(screen)) is None

    assert screen.getvalue() == "running\n"
