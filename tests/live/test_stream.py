"""A job's events as they come, from a real web process, over the page's address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from jobs.conf import conf
from jobs.database import DJANGO
from jobs.handoff import STREAM, Handoff
from jobs.lifecycle.cancel import cancel_jobs
from jobs.live import stream as streaming
from jobs.live.story import Story
from jobs.models import Job, LogLine, Progress
from jobs.room import Room
from tests.factories import make_job, make_user
from tests.waiting import eventually
from tests.web_process import WebProcess

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rung")]


def events(text: str) -> list[tuple[str, str, Any]]:
    """(event, id, data) of a piece of a stream; comments and the wish to come back are left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def told(story: Story) -> list[str]:
    return [name for name, _, _ in events("".join(story.read(DJANGO)))]


def add_line(job: Job, text: str) -> LogLine:
    return LogLine.objects.create(job=job, attempt=1, at=datetime.now(UTC), level="info", text=text)


def test_a_story_tells_everything_once_and_in_order() -> None:
    job = make_job("running")
    Progress.objects.create(job=job, attempt=1, fraction=0.5, note="half", updated_at=datetime.now(UTC))
    add_line(job, "one\ntwo: three")
    story = Story(job.id)

    assert told(story) == ["moved", "log", "progress"]
    assert told(story) == []
    Job.objects.filter(id=job.id).update(
        state="succeeded", holder=None, lease=None, version=2, code="ok", finished_at=datetime.now(UTC)
    )
    add_line(job, "last")
    assert told(story) == ["log", "moved", "end"]
    assert story.is_over


def test_who_comes_back_hears_what_was_missed() -> None:
    job = make_job("running")
    first = add_line(job, "first")
    missed = add_line(job, "missed")

    found = events("".join(Story(job.id, f"1.{first.id}").read(DJANGO)))

    assert [(name, id, data["text"]) for name, id, data in found] == [("log", f"1.{missed.id}", "missed")]


@pytest.mark.parametrize("last_id", ["", "x", "1", "-1.2", "1.2.3", "9" * 40 + ".1"])
def test_a_forged_id_hears_all_of_it(last_id: str) -> None:
    job = make_job("running")

    assert told(Story(job.id, last_id)) == ["moved"]


def test_of_a_purged_job_the_end_is_told() -> None:
    job = make_job("succeeded")
    Job.objects.all().delete()

    assert told(Story(job.id)) == ["end"]


@pytest.fixture
def web(tmp_path: Path, transactional_db: None) -> Iterator[WebProcess]:
    with WebProcess(tmp_path / "web.log", STREAM_SECONDS="3") as web:
        yield web


@contextmanager
def listening(web: WebProcess, user: User, job: Job, **headers: str) -> Iterator[httpx2.Response]:
    client = Client()
    client.force_login(user)
    cookies = {"sessionid": client.cookies["sessionid"].value}
    with (
        httpx2.Client(base_url=web.url, cookies=cookies, timeout=20) as asking,
        asking.stream("GET", f"/jobs/{job.id}/events", headers=headers) as answer,
    ):
        yield answer


def test_a_stream_tells_what_happens_and_ends_with_the_job(web: WebProcess) -> None:
    alice = make_user("alice")
    job = make_job("queued", owner=alice)

    with listening(web, alice, job) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "x-millrace-handoff" not in answer.headers
        heard = ""
        for text in answer.iter_text():
            heard += text
            if "event: moved" in heard and "cancelled" not in heard:
                cancel_jobs([job.id], actor="alice")

    assert [(name, data["state"]) for name, _, data in events(heard)] == [
        ("moved", "queued"), ("moved", "cancelled"), ("end", "cancelled")
    ]  # fmt: skip
    last_id = events(heard)[-1][1]
    with listening(web, alice, job, **{"Last-Event-ID": last_id}) as answer:
        assert answer.status_code == 204  # a browser does not come back after that


def test_a_stream_lasts_its_time_and_holds_neither_thread_nor_connection(web: WebProcess) -> None:
    alice = make_user("alice")
    job = make_job("queued", owner=alice)
    before = sessions()

    with listening(web, alice, job) as answer:
        heard = "".join(answer.iter_text())

    assert [name for name, _, _ in events(heard)] == ["moved"]
    assert heard.startswith("retry: ")
    eventually(lambda: sessions("millrace room") == 0, what="the room gives its connection back")
    assert sessions() <= before + 4


def test_who_reads_nothing_gives_the_place_back_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, short = Unasked(), replace(conf(), stream_seconds=0.05)
    monkeypatch.setattr(streaming, "conf", lambda: short)
    monkeypatch.setattr(streaming, "room", lambda: here)
    monkeypatch.setattr(streaming, "LAST_SECONDS", 0.05)
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            assert here.counts.total() == (1 if len(sent) == 2 else 0)
            await asyncio.Event().wait()  # the caller's window is full, and stays so

    async def listen() -> None:
        await asyncio.wait_for(streaming.stream(Handoff(STREAM, uuid4(), "1"), send), 20)

    asyncio.run(listen())

    assert sent == ["http.response.start", "http.response.body", "http.response.body"]
    assert not here.places


class Unasked(Room):
    """A room where nobody looks at the database."""

    def _open(self) -> None:
        pass


def test_others_hear_nothing(web: WebProcess) -> None:
    job = make_job("queued", owner=make_user("alice"))

    with listening(web, make_user("charlie"), job) as answer:
        assert answer.status_code == 404


def sessions(name: str = "%") -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s", [name])
        return int(cursor.fetchone()[0])


def test_without_anybody_to_take_it_no_stream_is_promised(client: Client) -> None:
    alice = make_user("alice")
    client.force_login(alice)
    job = make_job("queued", owner=alice)

    assert client.get(f"/jobs/{job.id}/events").status_code == 204
