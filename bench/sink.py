"""The project's mail sink, which counts here: `python -m bench.sink PORT FOLDER`.

Into the folder go the number of mails so far, whom they went to, and the first of them whole. A number in
shared memory costs the sink less than being asked.
"""

from __future__ import annotations

import asyncio
import mmap
import sys
from pathlib import Path

from core.smtp_sink import serve

NUMBER, RECIPIENTS, FIRST = "number", "recipients", "first.eml"
NUMBER_BYTES = 8
BUFFER_BYTES = 1 << 20


class Counter:
    """Keeps no mail but the first."""

    def __init__(self, folder: Path) -> None:
        self._first = folder / FIRST
        self._recipients = (folder / RECIPIENTS).open("w", buffering=BUFFER_BYTES)
        with (folder / NUMBER).open("w+b") as file:
            file.truncate(NUMBER_BYTES)
            self._memory = mmap.mmap(file.fileno(), NUMBER_BYTES)
        self._number = 0

    def __call__(self, sender: str, recipients: list[str], content: bytes) -> str:
        if not self._number:
            self._first.write_bytes(content)
        self._recipients.write("".join([f"{recipient}\n" for recipient in recipients]))
        self._number += 1
        self._memory[:] = self._number.to_bytes(NUMBER_BYTES, "little")
        return "Taken"

    def close(self) -> None:
        """Everybody is on paper."""
        self._recipients.close()


def main(port: str, folder: str) -> None:
    counter = Counter(Path(folder))
    asyncio.run(serve(int(port), counter, f"{folder}, as names alone"))
    counter.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
