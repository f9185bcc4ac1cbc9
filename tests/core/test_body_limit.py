"""A body that is too large is refused before anything of it is kept."""

import asyncio
from typing import Any

import pytest

from core.body_limit import BodyLimit
from core.handlers import too_large

MOST = 1024 * 1024


told: list[dict[str, Any]] = []


def ask(
    headers: list[tuple[bytes, bytes]], chunks: list[bytes], path: str = "/kinds/images.resize"
) -> tuple[int, int]:
    """The status, and how many bytes the application behind saw."""
    seen = 0
    sent: list[dict[str, Any]] = []
    waiting = list(chunks)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        more = True
        while more:
            message = await receive()
            seen += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    limit = BodyLimit(application, MOST, too_large)
    asyncio.run(limit({"type": "http", "path": path, "headers": headers}, receive, send))
    told.extend(sent)
    return sent[0]["status"], seen


def test_what_fits_passes() -> None:
    assert ask([(b"content-length", b"1048576")], [b"x" * MOST]) == (200, MOST)


def test_an_announced_length_is_refused_before_a_byte_is_read() -> None:
    assert ask([(b"content-length", b"1048577")], [b"x" * MOST, b"x"]) == (413, 0)


def test_a_body_without_a_length_is_counted() -> None:
    status, seen = ask([], [b"x" * (MOST // 2)] * 4)

    assert status == 413
    assert seen <= MOST


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/api/v1/uploads", b"application/problem+json"), ("/kinds/x", b"text/plain; charset=utf-8")],
)
def test_a_program_is_told_by_a_problem_and_a_person_in_words(path: str, media_type: bytes) -> None:
    told.clear()

    ask([(b"content-length", b"9999999999")], [b""], path)

    assert dict(told[0]["headers"])[b"content-type"] == media_type
    assert b"1 MB" in told[1]["body"]
