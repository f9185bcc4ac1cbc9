"""The postbox of one run: the counting sink, asked how many mails it has, and afterwards whose."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from bench.letters import address
from bench.sink import FIRST, NUMBER, RECIPIENTS
from core.embedded.ports import LOOPBACK, free_port
from core.supervisor.programs import Listening

SHOWN = 3


class Postbox(Listening):
    """Another one for each run."""

    def __init__(self, logs: Path, folder: Path) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="postbox-", dir=folder))
        port = free_port()
        super().__init__("postbox", logs, {}, "-m", "bench.sink", str(port), str(self.place), port=port)

    @property
    def url(self) -> str:
        """What EMAIL_URL says."""
        return f"smtp://{LOOPBACK}:{self.port}"

    @property
    def number(self) -> int:
        """How many mails it has."""
        return int.from_bytes((self.place / NUMBER).read_bytes(), "little")

    @property
    def first(self) -> bytes:
        """The first of them."""
        return (self.place / FIRST).read_bytes()

    def check(self, count: int) -> None:
        """Once it has stopped: each of so many got one mail, or the benchmark ends with a sentence."""
        got = Counter((self.place / RECIPIENTS).read_text().splitlines())
        wanted = Counter(map(address, range(count)))
        if got != wanted:
            missed, more = wanted - got, got - wanted
            some = ", ".join([*missed, *more][:SHOWN])
            raise SystemExit(
                f"Of {count:,} recipients {missed.total():,} got no mail and {more.total():,} mails were too"
                f" many: {some}. A speed with that means nothing."
            )
