"""Refuse a request body that is too large before it is kept anywhere.

Django's ASGI handler spools a whole body to disk before any view or middleware sees the request, so the
limit stands in front of it: by the announced length at once, and by what really arrives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class TooLarge(Exception):
    """More bytes came than are accepted."""


class BodyLimit:
    """An ASGI application around another; answers 413 where a body has more than `most` bytes."""

    def __init__(self, application: Application, most: int) -> None:
        self.application = application
        self.most = most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
        elif announced(scope) > self.most:
            await self._refuse(send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Message, receive: Receive, send: Send) -> None:
        """A body without a length, or longer than it said."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most:
                raise TooLarge
            return message

        try:
            await self.application(scope, counted, send)
        except TooLarge:
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        megabytes = self.most // (1024 * 1024)
        text = (
            f"This request is larger than the {megabytes} MB that are accepted at once. Send smaller files.\n"
        )
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})


def announced(scope: Message) -> int:
    """The Content-Length, 0 if there is none that makes sense."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
