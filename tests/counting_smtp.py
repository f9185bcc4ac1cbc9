"""A mail server that counts: when a message for a domain arrived, and how many were on their way at once.

A message is on its way from its RCPT to the answer to its last dot, or to the end of its connection.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from tests.smtp_script import ScriptedServer, Taken


class CountingServer(ScriptedServer):
    """Takes `seconds` to answer to a message, as a server far away does."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.arrivals: dict[str, list[float]] = defaultdict(list)
        """By domain, when each message began to arrive (monotonic)."""
        self.most_at_once: Counter[str] = Counter()
        """By domain, and in all ("")."""
        self.most_connections = 0
        self._on_their_way: dict[int, str] = {}
        self._connected: set[int] = set()
        self._counting = threading.Lock()
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        with self._counting:
            self._connected.add(threading.get_ident())
            self.most_connections = max(self.most_connections, len(self._connected))
        try:
            super()._serve(connection)
        finally:
            self._left()

    def _left(self) -> None:
        with self._counting:
            self._connected.discard(threading.get_ident())
            self._on_their_way.pop(threading.get_ident(), None)

    def _answer(self, *keys: str, said: Taken | None = None) -> str:
        me = threading.get_ident()
        if keys[0].startswith("RCPT "):
            domain = keys[0].rpartition("@")[2]
            with self._counting:
                self.arrivals[domain].append(time.monotonic())
                self._on_their_way[me] = domain
                now = Counter(self._on_their_way.values())
                self.most_at_once |= now | Counter({"": sum(now.values())})
        if keys[0] == "QUIT":
            self._left()  # before it hears that it may go
        if said is not None:
            self._ended.wait(self.seconds)
        answer = super()._answer(*keys, said=said)
        if said is not None:
            with self._counting:
                self._on_their_way.pop(me, None)
        return answer


@contextmanager
def counting(*, seconds: float = 0.0) -> Iterator[CountingServer]:
    """The server, listening until the block ends."""
    server = CountingServer(seconds=seconds)
    try:
        yield server
    finally:
        server.close()


def most_too_many(arrivals: list[float], *, per_second: float, together: int) -> float:
    """By how many the arrivals exceed `together` + `per_second` × time, in the worst stretch of them."""
    found = 0.0
    for first, begins in enumerate(arrivals):
        for number, ends in enumerate(arrivals[first:], start=1):
            found = max(found, number - together - per_second * (ends - begins))
    return found
