"""A mail server to be killed: what arrived is on record before it answers, and it can wait or die in between.

`python -m tests.faults.mail_sink PORT FOLDER [--pause SECONDS] [--hold NUMBER]`. The record is a file of that
name in the folder: a line of JSON for every message and recipient, only ever added to. A pause is how long it
takes over a message, half of it before that is on record. What it is to hold, the message of that number in
its life, is on record, and its answer waits for the file `go`; the file `held` says that it does. SIGUSR1: it
dies once the next message is on record, and nobody hears an answer; SIGUSR2: it dies before that one is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import NamedTuple

from core.smtp_sink import LOOPBACK, Session

MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\s]+>)", re.IGNORECASE | re.MULTILINE)
RECORD, HELD, GO = "record", "held", "go"
DIES = {signal.SIGUSR1: "after", signal.SIGUSR2: "before"}


class Arrived(NamedTuple):
    """One message, for one recipient."""

    id: str
    to: str


class Record:
    """Writes down what arrives; asked to, it waits after that, or dies on either side of it."""

    def __init__(self, folder: Path, *, pause: float, hold: int) -> None:
        self.folder = folder
        self.pause = pause
        self.hold = hold
        self.dies = ""
        self.number = 0

    def __call__(self, sender: str, recipients: list[str], content: bytes) -> str:
        """In the loop's own thread: while one waits, all do."""
        self.number += 1
        self._pass("before")
        found = MESSAGE_ID.search(content)
        message_id = found[1].decode() if found else ""
        with (self.folder / RECORD).open("a") as file:
            for recipient in recipients:
                file.write(json.dumps(Arrived(message_id, recipient)) + "\n")
        self._pass("after")
        if self.number == self.hold:
            (self.folder / HELD).touch()
            while not (self.folder / GO).exists():
                threading.Event().wait(0.01)
        return "Taken"

    def _pass(self, place: str) -> None:
        threading.Event().wait(self.pause / 2)
        if self.dies == place:
            os.kill(os.getpid(), signal.SIGKILL)


async def serve(port: int, record: Record) -> None:
    """Until it is killed."""

    def will_die(place: str) -> None:
        record.dies = place

    loop = asyncio.get_running_loop()
    for number, place in DIES.items():
        loop.add_signal_handler(number, will_die, place)
    server = await loop.create_server(lambda: Session(record), LOOPBACK, port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mail_sink", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--hold", type=int, default=0)
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, Record(asked.folder, pause=asked.pause, hold=asked.hold)))


if __name__ == "__main__":
    main()
