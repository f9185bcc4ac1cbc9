"""What Django hands off, the event loop finishes; what it does not is passed on as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest

from jobs.errors import Busy
from jobs.handoff import HEADER, MARK, STREAM, WAIT, Handoff
from jobs.live import Live, application
from jobs.room import Room

JOB = UUID(int=7)
SCOPE = {
    "type": "http", "method": "POST", "path": "/jobs", "query_string": b"a=b",
    "headers": [(b"authorization", b"Bearer x"), (b"idempotency-key", b"k"), (b"content-length", b"2")],
}  # fmt: skip
WAITING = Handoff(WAIT, JOB, "1", 5.0, "/jobs/7")
STREAMING = Handoff(STREAM, JOB, "1")


class Django:
    """Answers 202 with a hand-off, and 200 (or what it is told) the second time."""

    def __init__(self, handoff: Handoff | None, again: int = 200) -> None:
        self.handoff = handoff
        self.again = again
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        assert (await receive())["type"] == "http.request"
        is_first = len(self.scopes) == 1
        headers = [(b"Location", b"/jobs/7"), (b"X-Request-ID", b"r1" if is_first else b"r2")]
        if is_first and self.handoff is not None:
            headers.append((HEADER.encode(), self.handoff.as_text().encode()))
        status = 202 if is_first else self.again
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"first" if is_first else b"last"})


class Room7(Room):
    """A room whose waits end as the test says."""

    def __init__(self, end: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        super().__init__()
        self.answer = end

    async def end(self, job: UUID, *, who: object, seconds: float) -> bool:
        assert (job, who, seconds) == (JOB, "1", 5.0)
        return await self.answer()


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def full() -> bool:
    raise Busy("full", 5)


def ask(
    django: Django, monkeypatch: pytest.MonkeyPatch, end: Any = no
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def play() -> None:
        here = Room7(end)
        monkeypatch.setattr(application, "room", lambda: here)
        asked = asyncio.Queue[Any]()
        asked.put_nowait({"type": "http.request", "body": b"{}", "more_body": False})

        async def send(message: Any) -> None:
            sent.append(message)

        await Live(django)(dict(SCOPE), asked.get, send)

    asyncio.run(play())
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_what_is_not_handed_off_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    status, headers, body = ask(Django(None), monkeypatch)

    assert (status, headers, body) == (202, {b"Location": b"/jobs/7", b"X-Request-ID": b"r1"}, b"first")


def test_the_last_answer_counts_when_the_job_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    status, headers, body = ask(Django(WAITING), monkeypatch, yes)

    assert (status, body) == (200, b"last")
    assert headers == {b"Location": b"/jobs/7", b"X-Request-ID": b"r1", b"Preference-Applied": b"wait=5"}


def test_the_first_answer_stands_when_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    status, headers, body = ask(Django(WAITING), monkeypatch, no)

    assert (status, body, headers[b"Preference-Applied"]) == (202, b"first", b"wait=5")
    assert HEADER.encode() not in headers


def test_a_full_room_is_no_reason_to_refuse_what_was_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    status, headers, body = ask(Django(WAITING), monkeypatch, full)

    assert (status, body) == (202, b"first")
    assert b"Preference-Applied" not in headers
    assert HEADER.encode() not in headers


@pytest.mark.parametrize("status", [404, 410, 503])
def test_a_last_answer_that_is_none_leaves_the_first(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    assert ask(Django(WAITING, again=status), monkeypatch, yes)[0] == 202


def test_the_second_question_is_the_same_callers_and_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    django = Django(WAITING)
    ask(django, monkeypatch, yes)

    second = django.scopes[1]
    assert (second["method"], second["path"], second["query_string"]) == ("GET", "/jobs/7", b"")
    assert second["headers"] == [(b"authorization", b"Bearer x"), (b"x-request-id", b"r1")]


def test_views_know_that_hand_offs_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    django = Django(None)
    ask(django, monkeypatch)

    assert django.scopes[0][MARK] is True


def test_a_stream_without_a_place_is_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stream(handoff: Handoff, send: Any, headers: Any) -> None:
        raise Busy("full", 5)

    monkeypatch.setattr(application, "stream", stream)

    assert ask(Django(STREAMING), monkeypatch)[0] == 202


def test_who_hangs_up_while_waiting_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    was_let_go = []

    async def play() -> None:
        asked = asyncio.Queue[Any]()
        asked.put_nowait({"type": "http.request", "body": b"{}", "more_body": False})

        async def end() -> bool:
            asked.put_nowait({"type": "http.disconnect"})
            try:
                await asyncio.Event().wait()
            finally:
                was_let_go.append(True)
            return True

        here = Room7(end)
        monkeypatch.setattr(application, "room", lambda: here)

        async def send(message: Any) -> None:
            raise AssertionError("nobody listens")

        await asyncio.wait_for(Live(Django(WAITING))(dict(SCOPE), asked.get, send), 5)

    asyncio.run(play())
    assert was_let_go


def test_an_error_of_the_work_is_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> bool:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        ask(Django(WAITING), monkeypatch, broken)
