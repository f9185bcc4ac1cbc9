"""One connection to a mail server: opened, secured, signed in, and spoken to line by line.

Every answer is waited for until a time, however slowly it trickles in. Nothing that came before TLS is
believed after it.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta
from typing import Self

from jobs.errors import Failed
from jobs.mail.status import codes
from workers.engines.smtp.outcome import GOING_AWAY, Reply, shown
from workers.engines.smtp.server import Server, context_for

LINE = re.compile(rb"(\d{3})(?:([ -])(.*))?")
ANSWER_BYTES = 64 * 1024
READ_BYTES = 16 * 1024
WRITE_BYTES = 256 * 1024
ASKS_FOR_MORE = 334
QUIT_SECONDS = 2.0
QUICK_ACK = getattr(socket, "TCP_QUICKACK", 0)
"""A server that answers a group in several packets waits for an acknowledgement between them, and a kernel
that has nothing to send puts one off for 40 ms: 22 messages a second instead of thousands. Linux only, and
it has to be said anew before each reading."""
AWAY = timedelta(minutes=5)
"""How long a server that said 421, or too much, is left alone, at least."""


class Unreachable(Failed):
    """The mail server cannot be used at present; nothing was handed over."""

    told = ""
    """What everybody may know of it who waits for the server, where that is less than its words."""


class Broken(Exception):
    """The connection ended, or what came over it was no SMTP."""

    def __init__(self, why: str, *, reached_end: bool = False) -> None:
        super().__init__(why)
        self.reached_end = reached_end
        """Whether, while writing, the last bytes may have gone out."""


class Silent(Broken):
    """No answer came in time."""


class Connection:
    """An open session; `extensions` is what the server offers, in capitals, with its parameters."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self.extensions: dict[str, str] = {}
        self.asked = self.taken = 0
        """How many messages it was asked about, and how many it took, over this connection."""
        self._socket = self._connect()

    @classmethod
    def open(cls, server: Server) -> Self:
        """Connect, greet, secure and sign in; raises Unreachable."""
        connection = cls(server)
        try:
            connection._begin()
        except Unreachable:
            connection.drop()
            raise
        except (Broken, OSError, ValueError) as error:
            connection.drop()
            raise Unreachable(f"The mail server cannot be used: {_words(error)}") from error
        except BaseException:  # interrupted: nobody else knows of it
            connection.drop()
            raise
        return connection

    def offers(self, extension: str) -> bool:
        """Whether the server can do this."""
        return extension in self.extensions

    @property
    def largest(self) -> int:
        """The largest message it takes in bytes; 0 = it does not say."""
        size = self.extensions.get("SIZE", "")
        return int(size) if size.isascii() and size.isdigit() else 0

    def write(self, *contents: bytes) -> None:
        """Send it all; raises Broken, and Silent if the server reads nothing for too long."""
        # A large message on a slow line takes its time, as long as something moves.
        places = [(each, place) for each in contents for place in range(0, len(each), WRITE_BYTES)]
        for number, (content, place) in enumerate(places, start=1):
            try:
                self._socket.settimeout(self._server.seconds)
                self._socket.sendall(content[place : place + WRITE_BYTES])
            except OSError as error:
                kind = Silent if isinstance(error, TimeoutError) else Broken
                raise kind(_words(error), reached_end=number == len(places)) from error

    def read(self, seconds: float | None = None) -> Reply:
        """The next answer, whole; raises Broken or Silent."""
        code, lines = self._answer(seconds or self._server.seconds)
        return Reply(code, shown(" ".join(lines)))

    def ask(self, *command: str) -> Reply:
        """Send one command and read its answer."""
        self.write(f"{' '.join(command)}\r\n".encode())
        return self.read()

    def quit(self) -> None:
        """Take leave; a server that does not answer changes nothing about what was sent."""
        with suppress(Broken, OSError):
            self.write(b"QUIT\r\n")
            self.read(QUIT_SECONDS)
        self.drop()

    def drop(self) -> None:
        """Close, whatever state it is in."""
        with suppress(OSError):
            self._socket.close()

    def _answer(self, seconds: float) -> tuple[int, list[str]]:
        deadline, lines, size = time.monotonic() + seconds, [], 0
        while True:
            line = self._line(deadline)
            size += len(line)
            found = LINE.fullmatch(line)
            if found is None or size > ANSWER_BYTES:
                raise Broken(f"the server answered what is no SMTP: {shown(line.decode('ascii', 'replace'))}")
            lines.append((found[3] or b"").decode("utf-8", "replace"))
            if found[2] != b"-":
                return int(found[1]), lines

    def _line(self, deadline: float) -> bytes:
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                return line.removesuffix(b"\r")
            if len(self._buffer) > ANSWER_BYTES:
                raise Broken("the server's answer has no end")
            self._buffer += self._receive(deadline)

    def _receive(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Silent("the server did not answer in time")
        try:
            self._socket.settimeout(left)
            if QUICK_ACK:
                self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
            received = self._socket.recv(READ_BYTES)
        except TimeoutError:
            raise Silent("the server did not answer in time") from None
        except OSError as error:
            raise Broken(_words(error)) from error
        if not received:
            raise Broken("the server closed the connection")
        return received

    def _connect(self) -> socket.socket:
        server = self._server
        try:
            return socket.create_connection((server.host, server.port), server.seconds)
        except (OSError, UnicodeError) as error:
            raise Unreachable(
                f"The mail server cannot be used: no connection to {server.address}: {_words(error)}"
            ) from error

    def _begin(self) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._server.tls:
            self._secure()
        _expect(self.read(), "it greets with")
        self._hello()
        if self._server.starttls:
            if not self.offers("STARTTLS"):
                raise Unreachable("The mail server cannot be used: it does not offer STARTTLS.")
            _expect(self.ask("STARTTLS"), "it refuses STARTTLS:")
            if self._buffer:
                raise Unreachable("The mail server cannot be used: somebody put words before its TLS.")
            self._secure()
            self._hello()
        if self._server.user:
            self._sign_in()

    def _secure(self) -> None:
        server = self._server
        context = context_for(server.verified, server.certificate, server.key)
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=server.host)
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message or _words(error)
            raise Unreachable(
                f"The mail server's certificate is not good for {server.host}: {why}."
            ) from error

    def _hello(self) -> None:
        self.write(f"EHLO {self._server.our_name}\r\n".encode())
        code, lines = self._answer(self._server.seconds)
        _expect(Reply(code, shown(" ".join(lines))), "it answers EHLO with")
        words = [line.upper().split(maxsplit=1) for line in lines[1:]]
        self.extensions = {word[0]: "".join(word[1:]) for word in words if word}

    def _sign_in(self) -> None:
        offered = self.extensions.get("AUTH", "").split()
        user, password = self._server.user.encode(), self._server.password.encode()
        if "PLAIN" in offered:
            reply = self.ask("AUTH PLAIN", _base64(b"\0" + user + b"\0" + password))
        elif "LOGIN" in offered:
            reply = self.ask("AUTH LOGIN")
            for word in (user, password):
                reply = self.ask(_base64(word)) if reply.code == ASKS_FOR_MORE else reply
        else:
            raise Unreachable("The mail server cannot be used: it offers neither AUTH PLAIN nor AUTH LOGIN.")
        _expect(reply, "it refuses user and password:")


def left_alone(reply: Reply) -> Unreachable:
    """What it is to us that the server wants nothing more for a while."""
    asks = "The mail server asks to be left alone:"
    error = Unreachable(f"{asks} {reply}", again_in=AWAY)
    error.told = f"{asks} {codes(*reply)}"
    return error


def unwelcome(sender: str, reply: Reply) -> Unreachable:
    """What it is to us that the server refuses whom all our mail comes from."""
    error = Unreachable(f"The mail server refuses our sender {sender}: {reply}")
    error.told = f"The mail server refuses our sender: {codes(*reply)}"
    return error


def _expect(reply: Reply, said: str) -> None:
    if reply.code == GOING_AWAY or reply.is_too_much:
        raise left_alone(reply)
    if not 200 <= reply.code < 300:
        raise Unreachable(f"The mail server cannot be used: {said} {reply}")


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _words(error: BaseException) -> str:
    return shown(str(error)) or type(error).__name__
