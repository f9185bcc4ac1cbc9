"""`Prefer: wait=N` and streams by program, over a real web process."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from jobs.lifecycle.cancel import cancel_jobs
from jobs.models import Job
from jobs.tokens import Scope, make_token
from tests.api.conftest import BASE, post
from tests.factories import make_job, make_user
from tests.waiting import eventually
from tests.web_process import WebProcess
from tests.worker_process import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = 200
JOB = {"kind": "test.ok", "payload": {}}


@pytest.fixture
def headers(submitter: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(submitter, name='tests', scopes=list(Scope)).secret}"}


@pytest.fixture
def program(web: WebProcess, headers: dict[str, str]) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=web.url + BASE, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def while_it_waits() -> Iterator[Callable[[Callable[[], httpx2.Response]], Any]]:
    """Ask in a thread, and come back with what will be answered."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit


def only_job() -> Job:
    job = eventually(lambda: Job.objects.first())
    assert job is not None
    return job


def test_a_submit_that_waits_gets_the_job(program: httpx2.Client, while_it_waits: Any) -> None:
    asked = while_it_waits(lambda: program.post("/jobs", json=JOB, headers={"Prefer": "wait=20"}))
    job = only_job()
    assert not asked.done()

    cancel_jobs([job.id], actor="alice")

    answer = asked.result(10)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"{BASE}/jobs/{job.id}"
    assert re.findall('"([a-z]+)";r=', answer.headers["RateLimit"]) == ["waits"]


def test_a_submit_that_waited_in_vain_gets_the_202(program: httpx2.Client) -> None:
    answer = program.post("/jobs", json=JOB, headers={"Prefer": "wait=1"})

    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert "Retry-After" in answer.headers


def test_a_replay_waits_as_well(program: httpx2.Client, while_it_waits: Any) -> None:
    key = {"Idempotency-Key": "once"}
    first = program.post("/jobs", json=JOB, headers=key)
    asked = while_it_waits(lambda: program.post("/jobs", json=JOB, headers=key | {"Prefer": "wait=20"}))

    cancel_jobs([first.json()["id"]], actor="alice")

    answer = asked.result(10)
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (200, "true")
    assert answer.json()["id"] == first.json()["id"]


def test_a_look_that_waits_gets_the_end(program: httpx2.Client, submitter: User, while_it_waits: Any) -> None:
    job = make_job("queued", owner=submitter)
    now = program.get(f"/jobs/{job.id}")
    unchanged = {"If-None-Match": now.headers["ETag"]}
    asked = while_it_waits(lambda: program.get(f"/jobs/{job.id}", headers=unchanged | {"Prefer": "wait=20"}))

    cancel_jobs([job.id], actor="alice")

    answer = asked.result(10)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_what_has_ended_is_not_waited_for(program: httpx2.Client, submitter: User) -> None:
    job = make_job("succeeded", owner=submitter)

    answer = program.get(f"/jobs/{job.id}", headers={"Prefer": "wait=20"})

    assert answer.status_code == 200
    assert "Preference-Applied" not in answer.headers


def test_who_waits_too_often_is_told_so_but_keeps_the_job(submitter: User, tmp_path: Path) -> None:
    job = make_job("queued", owner=submitter)
    bearer = make_token(submitter, name="hasty", scopes=list(Scope)).secret
    wait = {"Authorization": f"Bearer {bearer}", "Prefer": "wait=0"}
    hasty = wait | {"Prefer": "wait=1"}

    with WebProcess(tmp_path / "web.log", WAITS_PER_MINUTE="1", STREAMS_PER_MINUTE="1") as web:
        url = web.url + BASE
        assert httpx2.get(f"{url}/jobs/{job.id}", headers=hasty).status_code == 200
        # Where the first count took longer than one is waited for, a few more are let through.
        refused = eventually(
            lambda: (asked := httpx2.get(f"{url}/jobs/{job.id}", headers=hasty)).is_error and asked,
            timeout=30,
        )
        accepted = httpx2.post(f"{url}/jobs", json=JOB, headers=hasty)
        assert httpx2.get(f"{url}/jobs/{job.id}", headers=wait).status_code == 200

    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert (accepted.status_code, "Preference-Applied" in accepted.headers) == (202, False)


def test_others_wait_for_nothing(program: httpx2.Client, submitter: User) -> None:
    job = make_job("queued", owner=make_user("charlie"))

    assert program.get(f"/jobs/{job.id}", headers={"Prefer": "wait=20"}).status_code == 404
    stream = {"Accept": "text/event-stream"}
    assert program.get(f"/jobs/{job.id}/events", headers=stream).status_code == 404


def test_a_program_follows_its_job(program: httpx2.Client, submitter: User) -> None:
    job = make_job("queued", owner=submitter)
    heard = ""

    with program.stream("GET", f"/jobs/{job.id}/events", headers={"Accept": "text/event-stream"}) as answer:
        for text in answer.iter_text():
            heard += text
            if "event: moved" in heard and "cancelled" not in heard:
                cancel_jobs([job.id], actor="alice")

    assert [line for line in heard.splitlines() if line.startswith("event")] == [
        "event: moved", "event: moved", "event: end"
    ]  # fmt: skip
    assert answer.headers["X-Request-ID"]
    assert answer.headers["RateLimit"].startswith('"streams";r=')


def test_head_is_answered_at_once_whatever_it_would_rather_have(
    program: httpx2.Client, submitter: User
) -> None:
    job = make_job("queued", owner=submitter)

    looked = program.head(f"/jobs/{job.id}", headers={"Prefer": "wait=20"})
    stream = program.head(f"/jobs/{job.id}/events", headers={"Accept": "text/event-stream"})

    assert (looked.status_code, "Preference-Applied" in looked.headers) == (200, False)
    assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert max(answer.elapsed for answer in (looked, stream)) < timedelta(seconds=15)


@pytest.mark.usefixtures("rung")
def test_without_anybody_to_hold_it_back_the_answer_comes_at_once(api: Client) -> None:
    answer = post(api, "/jobs", JOB, Prefer="wait=20")

    assert answer.status_code == 202
    assert "Preference-Applied" not in answer
    stream = api.get(f"{answer['Location']}/events", headers={"Accept": "text/event-stream"})
    assert (stream.status_code, stream.json()["code"]) == (501, "no_stream")


def test_two_hundred_wait_on_one_process_without_a_thread_or_connection_each(
    web: WebProcess, headers: dict[str, str], tmp_path: Path
) -> None:
    url = web.url + BASE
    httpx2.get(f"{url}/jobs", headers=headers)
    before = web.threads, sessions()

    async def ask(client: httpx2.AsyncClient) -> httpx2.Response:
        return await client.post(f"{url}/jobs", json=JOB, headers=headers | {"Prefer": "wait=60"})

    async def ask_all() -> list[httpx2.Response]:
        limits = httpx2.Limits(max_connections=WAITS)
        async with httpx2.AsyncClient(limits=limits, timeout=120) as client:
            return await asyncio.gather(*(ask(client) for _ in range(WAITS)))

    with ThreadPoolExecutor(1) as thread, Highest(web) as highest:
        asked = thread.submit(asyncio.run, ask_all())
        eventually(lambda: Job.objects.count() == WAITS, timeout=30)
        with WorkerProcess(tmp_path / "worker.log"):
            answers = asked.result(120)
        threads, connections = highest.threads, highest.sessions

    assert [(a.status_code, a.json()["state"]) for a in answers] == [(200, "succeeded")] * WAITS
    assert threads <= before[0] + 5
    assert connections <= before[1] + 5
    eventually(lambda: sessions("millrace room") == 0, what="the room gives its connection back")
    assert web.threads <= before[0] + 5
    assert sessions() <= before[1] + 5


class Highest:
    """How many threads and connections the web process had at most, looked at all the time."""

    def __init__(self, web: WebProcess) -> None:
        self.web = web
        self.threads = self.sessions = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Highest:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            while not self._over.wait(0.02):
                self.threads = max(self.threads, self.web.threads)
                self.sessions = max(self.sessions, sessions())
        finally:
            connection.close()


def sessions(name: str = "") -> int:
    """The web process's sessions at the database: Django's, and the room's."""
    names = [name] if name else ["web-of-test", "millrace room"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY (%s)", [names])
        return int(cursor.fetchone()[0])
