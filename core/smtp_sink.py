"""A mail server that keeps every message as a file: `python -m core.smtp_sink PORT FOLDER`.

Without a folder it takes everything and keeps nothing, for measurements. It pipelines (RFC 2920), and answers
a group of commands in one packet.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

LOOPBACK = "127.0.0.1"
LARGEST_BYTES = 100 * 1024 * 1024
LINE_BYTES = 4096
END = b"\r\n.\r\n"
NAME = "Millrace mail sink"
EXTENSIONS = ("PIPELINING", f"SIZE {LARGEST_BYTES}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
Keep = Callable[[str, list[str], bytes], str]


class Sink:
    """Writes each message under its time of arrival, with the envelope on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count(1)

    def __call__(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Whole or not at all: whoever watches the folder never reads half a message."""
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S.%f")
        path = self.folder / f"{now}-{os.getpid()}-{next(self.numbers)}.eml"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(envelope.encode() + content)
        unfinished.rename(path)
        print(f"{path.name}: {sender} to {', '.join(recipients)}", flush=True)
        return f"Kept as {path.name}"


def keep_nothing(sender: str, recipients: list[str], content: bytes) -> str:
    """For measurements."""
    return "Taken"


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._is_content = False
        self._searched = 0
        """So far there is no end of the content."""
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._replies: list[str] = []
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(f"220 {NAME}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Answer whatever is complete, in one packet."""
        assert self._transport is not None
        self._buffer += data
        while self._content() if self._is_content else self._line():
            pass
        if len(self._buffer) > (LARGEST_BYTES if self._is_content else LINE_BYTES):
            self._replies.append("552 5.3.4 That is too long")
            self._is_over = True
        replies = "".join(f"{reply}\r\n" for reply in self._replies)
        self._replies.clear()
        self._transport.write(replies.encode())
        if self._is_over:
            self._transport.close()

    def _line(self) -> bool:
        line, newline, rest = self._buffer.partition(b"\r\n")
        if not newline or self._is_over:
            return False
        self._buffer = rest
        verb, _, rest_of_line = line.decode("utf-8", "replace").partition(" ")
        self._replies.append(self._answer(verb.upper(), rest_of_line))
        return True

    def _answer(self, verb: str, rest: str) -> str:
        address = rest.partition("<")[2].partition(">")[0]
        match verb:
            case "EHLO":
                self._forget()
                return "\r\n".join(f"250-{line}" for line in (NAME, *EXTENSIONS)) + "\r\n250 HELP"
            case "HELO" | "RSET":
                self._forget()
                return "250 2.0.0 OK"
            case "NOOP" | "VRFY":
                return "250 2.0.0 OK"
            case "MAIL" if self._sender is not None:
                return "503 5.5.1 One sender is enough"
            case "MAIL" if rest.upper().startswith("FROM:<"):
                self._sender = address
                return "250 2.1.0 OK"
            case "RCPT" if self._sender is not None and rest.upper().startswith("TO:<") and address:
                self._recipients.append(address)
                return "250 2.1.5 OK"
            case "RCPT" | "DATA" if not self._recipients:
                return "503 5.5.1 From whom, and to whom?"
            case "DATA":
                self._is_content = True
                # So that a message of no line ends as every other does.
                self._buffer[:0] = b"\r\n"
                return "354 End with a dot on a line of its own"
            case "QUIT":
                self._is_over = True
                return "221 2.0.0 Goodbye"
        return "500 5.5.2 That was no command"

    def _content(self) -> bool:
        end = self._buffer.find(END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(END))
            return False
        content = bytes(self._buffer[2:end])
        del self._buffer[: end + len(END)]
        self._is_content, self._searched = False, 0
        whole = content.replace(b"\r\n.", b"\r\n") + b"\r\n"
        whole = whole.removeprefix(b".")
        said = self._keep(self._sender or "", self._recipients, whole)
        self._replies.append(f"250 2.0.0 {said}")
        self._forget()
        return True

    def _forget(self) -> None:
        self._sender, self._recipients = None, []


async def serve(port: int, keep: Keep, place: str) -> None:
    """Until somebody asks us to end; `place` says where things are kept."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Session(keep), LOOPBACK, port)
    print(f"Taking mail at {LOOPBACK}:{port}, keeping it in {place}.", flush=True)
    await stopped.wait()
    server.close()


def main(port: str, folder: str = "") -> None:
    keep: Keep = keep_nothing
    if folder:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        keep = Sink(Path(folder))
    asyncio.run(serve(int(port), keep, folder or "no folder"))


if __name__ == "__main__":
    main(*sys.argv[1:])
