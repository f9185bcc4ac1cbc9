"""A TCP proxy that stands before a server and does to the wire what networks do.

Threads, one per direction of a connection: a fault takes effect for bytes that are under way. What was
forwarded before is not taken back.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import StrEnum

CHUNK = 65_536
LOOPBACK = "127.0.0.1"


class Mode(StrEnum):
    """What becomes of bytes and of new connections."""

    PASS = "pass"
    CUT = "cut"
    """Connections are reset, new ones refused at once."""
    BLACK_HOLE = "black hole"
    """Connections stand, new ones are taken, nothing is forwarded: bytes wait for better times."""


class Proxy:
    """Forward connections on `port` to `target`; every switch takes effect at once."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        """Seconds that every chunk waits, in both directions."""
        self.dropped = 0
        """How many replies were dropped."""
        self._pattern = b""
        self._times = 0
        self._mode = Mode.PASS
        self._may_pass = threading.Event()
        self._may_pass.set()
        self._lock = threading.Lock()
        self._pairs: set[Pair] = set()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"proxy {self.port}", daemon=True).start()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._pairs)

    def open(self) -> None:
        """Let everything pass again."""
        self._mode = Mode.PASS
        self._may_pass.set()

    def cut(self) -> None:
        """Reset what is open, and whatever comes until `open`."""
        self._mode = Mode.CUT
        self._may_pass.set()
        self.reset()

    def black_hole(self) -> None:
        """Forward nothing until `open`."""
        self._mode = Mode.BLACK_HOLE
        self._may_pass.clear()

    def reset(self) -> None:
        """Reset what is open; new connections are welcome."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.close()

    def lose(self) -> None:
        """What is open stands, and forwards nothing any more; new connections pass: a path that was lost."""
        with self._lock:
            for pair in self._pairs:
                pair.is_lost = True

    def drop_reply(self, pattern: bytes, times: int = 1) -> None:
        """The next `times` times the client sends `pattern`, forward it, and reset before the answer."""
        with self._lock:
            self._pattern, self._times = pattern, times

    def close(self) -> None:
        """End; for the lab."""
        self._listener.close()
        self._may_pass.set()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._mode is Mode.CUT:
                    raise ConnectionRefusedError
                server = socket.create_connection((LOOPBACK, self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                reset(client)
                continue
            pair = Pair(self, client, server)
            with self._lock:
                self._pairs.add(pair)
            pair.start()

    def _forget(self, pair: Pair) -> None:
        with self._lock:
            self._pairs.discard(pair)

    def _is_fatal(self, data: bytes) -> bool:
        """Whether these bytes of a client are the ones whose reply shall be dropped."""
        with self._lock:
            if not self._times or self._pattern not in data:
                return False
            self._times -= 1
            self.dropped += 1
            return True


class Pair:
    """One client's connection and ours to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.server = server
        self.is_lost = False
        self._is_mute = False
        self._is_closed = threading.Event()
        self._directions = 2
        self._ending = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._forward, daemon=True).start()
        threading.Thread(target=self._answer, daemon=True).start()

    def close(self) -> None:
        """From any thread. The descriptors stay until both directions have let go of them.

        A number that is free too soon is the next connection's.
        """
        self._is_closed.set()
        hang_up(self.client)
        hang_up(self.server)

    def _forward(self) -> None:
        """From the client to the server."""
        with contextlib.suppress(OSError):
            while data := self.client.recv(CHUNK):
                self._wait()
                if self.proxy._is_fatal(data):
                    self._is_mute = True
                self.server.sendall(data)
        self._end(self.server)

    def _answer(self) -> None:
        """From the server to the client."""
        with contextlib.suppress(OSError):
            while data := self.server.recv(CHUNK):
                if self._is_mute:
                    self.close()  # the server did what it was asked; nobody will hear of it
                    break
                self._wait()
                self.client.sendall(data)
        self._end(self.client)

    def _wait(self) -> None:
        self.proxy._may_pass.wait()
        if self.is_lost:
            self._is_closed.wait()
        if self.proxy.delay:
            threading.Event().wait(self.proxy.delay)

    def _end(self, side: socket.socket) -> None:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_WR)
        with self._ending:
            self._directions -= 1
            if self._directions:
                return
        self.client.close()
        self.server.close()
        self.proxy._forget(self)


def reset(connection: socket.socket) -> None:
    """Close as a host that vanished does: with RST, and without a last word."""
    hang_up(connection)
    connection.close()


def hang_up(connection: socket.socket) -> None:
    """Nothing comes or goes any more; closing it sends RST."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.shutdown(socket.SHUT_RDWR)
