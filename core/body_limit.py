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
Refusal = Callable[[str, str], tuple[bytes, bytes]]
"""Media type and body of a refusal, for a path and a sentence."""


class TooLarge(Exception):
    """More bytes came than are accepted."""


class BodyLimit:
    """An ASGI application around another; answers 413 where a body has more than `most` bytes."""

    def __init__(self, application: Application, most: int, refusal: Refusal) -> None:
        self.application = application
        self.most = most
        self.refusal = refusal

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
        elif announced(scope) > self.most:
            await self._refuse(scope, send)
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
            await self._refuse(scope, send)

    async def _refuse(self, scope: Message, send: Send) -> None:
        megabytes = self.most // (1024 * 1024)
        text = f"This request is larger than the {megabytes} MB that are accepted at once. Send less."
        media_type, body = self.refusal(scope["path"], text)
        headers = [(b"content-type", media_type), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def announced(scope: Message) -> int:
    """The Content-Length, 0 if there is none that makes sense."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
