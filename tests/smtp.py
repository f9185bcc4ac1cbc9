"""A real SMTP server on loopback that keeps what it takes, and answers as a test tells it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

TAKEN = "250 OK"


class Server:
    """What it took, and what it answers: `replies["bob@example.org"] = "550 no such mailbox"`.

    `MAIL bob@example.org` is him as a sender.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self.replies: dict[str, str] = {}
        self.reply_to_data = TAKEN
        self.hangs_up_at = ""
        self.on_taken: Callable[[], object] = lambda: None
        self.connections = 0
        self.port = 0

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.taken]

    def to(self, recipient: str) -> EmailMessage:
        return next(message for to, message in self.taken if to == recipient)

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.hangs_up_at == "MAIL":
            server.transport.abort()
        envelope.mail_from = address
        return self.replies.get(f"MAIL {address}", TAKEN)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.get(address, TAKEN)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs_up_at == "DATA":
            server.transport.abort()
        if self.reply_to_data.startswith("2"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken += [(recipient, message) for recipient in envelope.rcpt_tos]
            self.on_taken()
        return self.reply_to_data


@contextmanager
def running() -> Iterator[Server]:
    """The server, listening until the block ends."""
    handler, loop = Server(), asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="smtp", daemon=True)
    thread.start()
    listening: Any = asyncio.run_coroutine_threadsafe(_listen(handler, loop), loop).result(10)
    try:
        yield handler
    finally:
        asyncio.run_coroutine_threadsafe(_stop(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _listen(handler: Server, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
    def greet() -> SMTP:
        handler.connections += 1
        return SMTP(handler, hostname="localhost", loop=loop)

    server = await loop.create_server(greet, host="127.0.0.1", port=0)
    handler.port = server.sockets[0].getsockname()[1]
    return server


async def _stop(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
