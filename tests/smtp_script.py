"""A mail server that does what a test tells it, line by line; it understands what RFC 5321 and 2920 allow.

    server.script["RCPT bob@example.org"] = ["452 4.2.2 Full", "250 OK"]

answers Bob so the first time, then otherwise, and with the last for ever. Keys are `GREETING`, `EHLO`,
`STARTTLS`, `AUTH`, `RSET`, `MAIL`, `RCPT address`, `RCPT`, `DATA` and `DOT` (the answer to a whole message).
The words `HANG UP` close the connection instead, `SILENCE` answers nothing.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

HANG_UP, SILENCE = "HANG UP", "SILENCE"
LOOPBACK = "127.0.0.1"
TLS = b"\x16\x03"
"""How a hello begins that comes first; here none is spoken then."""
USUAL = {"GREETING": "220 mill", "STARTTLS": "220 Go on", "DATA": "354 Go on", "QUIT": "221 Bye"}


class HungUp(Exception):
    """This connection is over."""


@dataclass(frozen=True)
class Taken:
    """A message that was answered 250, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    options: str


@dataclass
class Session:
    """One connection: what was said over it."""

    lines: list[str] = field(default_factory=list)
    is_secure: bool = False
    taken: int = 0


class ScriptedServer:
    """Listens on `port`; `taken` is what it took, `sessions` are its connections."""

    def __init__(self, *, extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8")) -> None:
        self.extensions = extensions
        self.tls: ssl.SSLContext | None = None
        self.script: dict[str, str | list[str]] = {}
        self.most_per_session = 0
        """After so many messages a session is told 421; 0 = no limit."""
        self.taken: list[Taken] = []
        self.sessions: list[Session] = []
        self.on_taken: dict[int, Callable[[], object]] = {}
        """What happens when so many were taken, before anybody hears of it."""
        self.answers_late_for = 0
        """So many messages are to come: until then nothing is answered but DATA, the last of a group."""
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, name="smtp-script")]
        self._threads[0].start()

    @property
    def recipients(self) -> list[str]:
        """Everybody who got something, in order."""
        return [recipient for taken in self.taken for recipient in taken.recipients]

    def close(self) -> None:
        """Stop listening, and end every connection."""
        self._ended.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), name="smtp-session")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        session = Session()
        self.sessions.append(session)
        with suppress(HungUp, OSError):
            self._converse(connection, session)

    def _converse(self, connection: socket.socket, session: Session) -> None:
        stream = connection.makefile("rwb")
        try:
            self._say(stream, self._answer("GREETING"))
            sender, options, recipients = "", "", []
            while True:
                line = self._line(stream, session)
                verb, _, rest = line.partition(" ")
                verb = verb.upper()
                address = rest.partition("<")[2].partition(">")[0]
                if verb == "EHLO":
                    self._say(stream, self._hello(session))
                elif verb == "STARTTLS":
                    reply = self._answer("STARTTLS")
                    self._say(stream, reply)
                    if reply.startswith("2"):
                        assert self.tls is not None
                        connection = self.tls.wrap_socket(connection, server_side=True)
                        stream, session.is_secure = connection.makefile("rwb"), True
                elif verb == "AUTH":
                    self._say(stream, self._answer("AUTH"))
                elif verb == "MAIL":
                    is_worn = 0 < self.most_per_session <= session.taken
                    reply = "421 4.7.0 Too many messages" if is_worn else self._answer("MAIL")
                    sender, options, recipients = address, rest.partition(">")[2].strip(), []
                    self._say(stream, reply, is_late=self.answers_late_for > 0)
                    if is_worn:
                        raise HungUp
                elif verb == "RCPT":
                    reply = self._answer(f"RCPT {address}", "RCPT")
                    recipients += [address] if reply.startswith("2") else []
                    self._say(stream, reply, is_late=self.answers_late_for > 0)
                elif verb == "DATA":
                    reply = self._answer("DATA") if recipients else "503 5.5.1 Nobody to give it to"
                    self._say(stream, reply)
                    if reply.startswith("354"):
                        content = self._content(stream)
                        reply = self._answer("DOT", said=Taken(sender, tuple(recipients), content, options))
                        session.taken += reply.startswith("2")
                        self._say(stream, reply, is_late=len(self.taken) < self.answers_late_for)
                        recipients = []
                else:
                    self._say(stream, self._answer(verb))
                    if verb == "QUIT":
                        raise HungUp
        finally:
            for each in (stream, connection):
                with suppress(OSError, ValueError):
                    each.close()

    def _hello(self, session: Session) -> str:
        offered = [*self.extensions, *(["STARTTLS"] if self.tls and not session.is_secure else [])]
        answer = self._answer("EHLO")
        if not answer.startswith("2"):
            return answer
        return "\r\n".join([f"250-{each}" for each in ("mill", *offered)] + ["250 HELP"])

    def _line(self, stream: BinaryIO, session: Session) -> str:
        raw = stream.readline()
        if not raw or raw.startswith(TLS):
            raise HungUp
        assert raw.endswith(b"\r\n"), raw
        session.lines.append(raw.decode().rstrip("\r\n"))
        return session.lines[-1]

    def _content(self, stream: BinaryIO) -> bytes:
        lines = []
        while (line := stream.readline()) != b".\r\n":
            if not line:
                raise HungUp
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _answer(self, *keys: str, said: Taken | None = None) -> str:
        """As the script says, else as usual; what was taken is kept before anybody hears of it."""
        with self._lock:
            key = next((key for key in keys if key in self.script), keys[0])
            scripted = self.script.get(key, USUAL.get(key, "250 OK"))
            if isinstance(scripted, list):
                scripted = scripted.pop(0) if len(scripted) > 1 else scripted[0]
            kept, _, act = scripted.partition(", then ")
            if said is not None and (kept.startswith("2")):
                self.taken.append(said)
                self.on_taken.pop(len(self.taken), lambda: None)()
            return act or kept

    def _say(self, stream: BinaryIO, reply: str, *, is_late: bool = False) -> None:
        if reply == HANG_UP:
            raise HungUp
        if reply == SILENCE:
            self._ended.wait()
            raise HungUp
        stream.write(f"{reply}\r\n".encode())
        if not is_late:
            stream.flush()
        if reply.startswith("421"):
            raise HungUp


@contextmanager
def scripted(*extensions: str) -> Iterator[ScriptedServer]:
    """The server, listening until the block ends."""
    server = ScriptedServer(extensions=extensions) if extensions else ScriptedServer()
    try:
        yield server
    finally:
        server.close()
