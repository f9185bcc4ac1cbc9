"""An ASGI application around Django's that takes its hand-offs: `application = Live(get_asgi_application())`.

What Django answered stays the answer unless something better comes: the job ends while its caller waits, or
there is a place for one who wants to follow it. A caller that hangs up gives its place back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from typing import Any

from jobs.errors import Busy
from jobs.handoff import HEADER, MARK, WAIT, Handoff
from jobs.live.stream import stream
from jobs.room import room

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

HANDOFF = HEADER.lower().encode()
FOR_THE_FIRST = {
    b"content-length", b"content-type", b"content-encoding", b"transfer-encoding", b"expect", b"prefer",
    b"idempotency-key", b"if-match", b"if-none-match", b"x-request-id",
}  # fmt: skip
"""Headers of a request that were for its first answer alone."""
OF_THE_FIRST = {b"location", b"idempotent-replayed", b"x-request-id", b"ratelimit", b"ratelimit-policy"}
"""Headers of the first answer that are true of the last one too."""
OF_A_STREAM = {b"x-request-id", b"ratelimit", b"ratelimit-policy"}
"""Headers of the answer that Django gave which a stream carries in its place."""


class Live:
    """Passes everything on to Django, and goes on where Django hands off."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        handoff: Handoff | None = None
        kept: list[Message] = []

        async def sent(message: Message) -> None:
            nonlocal handoff
            if message["type"] == "http.response.start":
                handoff = taken(message)
            if handoff is None:
                await send(message)
            else:
                kept.append(message)

        await self.application({**scope, MARK: True}, receive, sent)
        if handoff is not None:
            await until_hung_up(receive, self.go_on(handoff, kept, scope, send))

    async def go_on(self, handoff: Handoff, kept: list[Message], scope: Message, send: Send) -> None:
        """What Django left to be done; what it answered, where there is no place for that."""
        try:
            if handoff.what == WAIT:
                kept = await self.wait(handoff, kept, scope)
            else:
                headers = [pair for pair in kept[0]["headers"] if pair[0].lower() in OF_A_STREAM]
                await stream(handoff, send, headers)
                return
        except Busy:
            pass
        for message in kept:
            await send(message)

    async def wait(self, handoff: Handoff, kept: list[Message], scope: Message) -> list[Message]:
        """The answer: about the job's end if it comes in time. Raises Busy."""
        has_ended = await room().end(handoff.job, who=handoff.who, seconds=handoff.seconds)
        first: Headers = kept[0]["headers"]
        applied = (b"Preference-Applied", f"wait={handoff.seconds:g}".encode())
        if has_ended:
            last = await self.ask_again(handoff.path, scope, dict(first).get(b"X-Request-ID", b""))
            if last[0]["status"] == 200:
                headers = [pair for pair in last[0]["headers"] if pair[0].lower() not in OF_THE_FIRST]
                headers += [pair for pair in first if pair[0].lower() in OF_THE_FIRST]
                return [{**last[0], "headers": [*headers, applied]}, *last[1:]]
        return [{**kept[0], "headers": [*first, applied]}, *kept[1:]]

    async def ask_again(self, path: str, scope: Message, request_id: bytes) -> list[Message]:
        """What Django answers to a GET of that path by the same caller."""
        headers = [pair for pair in scope["headers"] if pair[0].lower() not in FOR_THE_FIRST]
        headers.append((b"x-request-id", request_id))
        asking = {
            **scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers,
        }  # fmt: skip
        answered: list[Message] = []
        nothing = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Message:
            for message in nothing:
                return message
            await asyncio.Event().wait()  # the caller is watched elsewhere
            raise AssertionError("nobody sets it")

        async def send(message: Message) -> None:
            answered.append(message)

        await self.application(asking, receive, send)
        return answered


def taken(start: Message) -> Handoff | None:
    """The hand-off of an answer, which leaves it."""
    for name, value in start["headers"]:
        if name.lower() == HANDOFF:
            start["headers"] = [pair for pair in start["headers"] if pair[0].lower() != HANDOFF]
            return Handoff.read(value.decode())
    return None


async def until_hung_up(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, unless the caller hangs up before it is done."""
    doing = asyncio.create_task(work)
    watching = asyncio.create_task(hang_up(receive))
    try:
        await asyncio.wait([doing, watching], return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
        if not doing.done():
            doing.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        with suppress(asyncio.CancelledError):
            await doing


async def hang_up(receive: Receive) -> None:
    """Returns once the caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
