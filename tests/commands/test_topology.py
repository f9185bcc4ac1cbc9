"""What runs where, drawn: every worker, every queue that somebody waits in, and no password."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from uuid_utils.compat import uuid7

from celery_app import app
from jobs.holder import make_holder
from jobs.lifecycle.pause import pause_queue
from jobs.models import Beat, Worker
from tests.commands.conftest import Run
from tests.factories import make_job

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(hours=3)


def make_worker(name: str, *queues: str, **fields: object) -> Worker:
    columns = {"pid": 1, "version": "0.1.0", "kinds": [], "slots": 2} | fields
    return Worker.objects.create(id=uuid7(), name=name, queues=list(queues), **columns)


def drawn(run: Run) -> list[str]:
    return run("topology").out.splitlines()


def below(lines: list[str], start: str) -> list[str]:
    """The branches under the line that begins so."""
    place = next(place for place, line in enumerate(lines) if line.startswith(start))
    after = lines[place + 1 :]
    end = next((n for n, line in enumerate(after) if not line.startswith("   ")), len(after))
    return [line.strip() for line in after[:end]]


def test_each_worker_is_drawn_with_what_it_hears_and_holds(run: Run) -> None:
    worker = make_worker("one@mill", "default", "email")
    make_job("running", queue="email", holder=make_holder(worker.id, 7))
    make_job("queued", queue="email")
    make_job("scheduled", queue="email")

    lines = drawn(run)

    assert any(line.startswith("one@mill  2 processes, 1 job, heard ") for line in lines)
    default, email = below(lines, "one@mill")
    assert default == "├ default"
    assert email.startswith("└ email    1 waiting for ")
    assert email.endswith(", 1 running, 1 due later")


def test_workers_that_hear_the_same_stand_together(run: Run) -> None:
    for name, queues in {"a": ["x"], "b": ["y", "x"], "c": ["x"]}.items():
        make_worker(name, *queues)

    names = [line.split()[0] for line in drawn(run) if line.split()[0] in "abc"]

    assert names == ["a", "c", "b"]


def test_a_pause_says_who_and_why(run: Run) -> None:
    make_worker("one@mill", "email")
    pause_queue("email", actor="olga", reason="the river\nis \x1b[31mlow")

    assert below(drawn(run), "one@mill") == ["└ email  paused by olga: the river is [31mlow"]


def test_what_nobody_hears_stands_apart(run: Run) -> None:
    make_worker("gone@mill", "old", beat_at=timezone.now() - LONG_AGO)
    make_job("queued", queue="old")

    lines = drawn(run)

    assert "gone@mill  silent for 3 h" in lines
    assert below(lines, "nobody hears")[0].startswith("└ old  1 waiting for ")


def test_what_only_a_draining_worker_hears_is_heard_by_nobody(run: Run) -> None:
    make_worker("leaving@mill", "old", is_draining=True)
    make_job("queued", queue="old")

    lines = drawn(run)

    assert any(line.startswith("leaving@mill  2 processes, 0 jobs, draining, ") for line in lines)
    assert below(lines, "nobody hears")[0].startswith("└ old  1 waiting for ")


def test_each_of_several_brokers_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "broker_url", "redis://:s3cret@127.0.0.1:6398/0;redis://127.0.0.1:6399/0")

    out = run("topology").out

    assert "bells, through redis://127.0.0.1:6398/0, redis://127.0.0.1:6399/0" in out
    assert "s3cret" not in out


def test_without_a_worker_every_queue_stands_apart(run: Run) -> None:
    lines = drawn(run)

    assert "no worker  jobs wait safely until one starts" in lines
    assert any(line.endswith("default") for line in below(lines, "nobody hears"))


def test_beats_that_are_heard_are_named(run: Run) -> None:
    assert "Beat  none: no schedule fires" in drawn(run)
    for name, beat_at in {"here": timezone.now(), "gone": timezone.now() - LONG_AGO}.items():
        Beat.objects.create(id=uuid7(), name=name, pid=9, version="0.1.0", beat_at=beat_at)

    beats = [line for line in drawn(run) if line.startswith("Beat")]

    assert len(beats) == 1
    assert beats[0].startswith("Beat  here, process 9, heard ")


def test_no_password_is_shown(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUBLIC_URL = "https://mill.example.org"
    monkeypatch.setattr(app.conf, "broker_url", "redis://mill:s3cret@127.0.0.1:6399/4")

    out = run("topology").out

    assert "web, API  https://mill.example.org" in out
    assert "bells, through redis://127.0.0.1:6399/4" in out
    assert "s3cret" not in out
    assert "database  PostgreSQL 1" in out
