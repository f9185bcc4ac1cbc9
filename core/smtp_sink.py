"""A mail server that keeps every message as a file: `python -m core.smtp_sink PORT FOLDER`."""

import asyncio
import itertools
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.1"
LARGEST_BYTES = 100 * 1024 * 1024


class Sink:
    """Writes each message under its time of arrival, with the envelope on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        path = await asyncio.to_thread(self.keep, str(envelope.mail_from), envelope.rcpt_tos, raw)
        print(f"{path.name}: {envelope.mail_from} to {', '.join(envelope.rcpt_tos)}", flush=True)
        return f"250 Kept as {path.name}"

    def keep(self, sender: str, recipients: list[str], content: bytes) -> Path:
        """Whole or not at all: whoever watches the folder never reads half a message."""
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S.%f")
        path = self.folder / f"{now}-{os.getpid()}-{next(self.numbers)}.eml"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(envelope.encode() + content)
        return unfinished.rename(path)


async def serve(port: int, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sink, loop, stopped = Sink(folder), asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: make_session(sink), LOOPBACK, port)
    print(f"Keeping mail from {LOOPBACK}:{port} in {folder}.", flush=True)
    await stopped.wait()
    server.close()


def make_session(sink: Sink) -> SMTP:
    return SMTP(sink, enable_SMTPUTF8=True, data_size_limit=LARGEST_BYTES, ident="Millrace mail sink")


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
