"""One POST to an address of somebody's choice: to a checked address, in bounded time, without redirects.

Django's and Python's own clients look a name up again when they connect, follow redirects and proxies, and
know no limit for the whole. Here h11 reads and writes HTTP over a socket that is ours.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

import h11

from jobs.errors import Failed
from jobs.webhooks.guard import Address, Target

CONNECT_SECONDS = 5.0
KEPT_BYTES = 1024
READ_BYTES = 64 * 1024
"""So much of a body is read, because some servers fail if nobody listens to them."""
BODY_SECONDS = 2.0
HEAD_BYTES = 32 * 1024
FRESH_SECONDS = 3600.0
"""How long the system's certificates are kept: to read them all takes longer than most deliveries."""

clock = time.monotonic


class Unreachable(Failed):
    """Nobody was told anything."""


class Unanswered(Failed):
    """It was sent, and whether it arrived cannot be known from here."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the beginning of the body, what Retry-After says."""

    status: int
    text: str = ""
    retry_after: str = ""


def post(target: Target, body: bytes, headers: Mapping[str, str], *, seconds: float) -> Answer:
    """Send it, and wait for the answer; all together at most so many seconds.

    Raises Unreachable if it was surely not sent, and Unanswered if it may have been.
    """
    deadline = time.monotonic() + seconds
    with connected(target, deadline) as connection:
        wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        request = h11.Request(
            method="POST",
            target=target.path,
            headers=[
                ("host", target.authority), ("connection", "close"), ("accept", "*/*"),
                ("content-length", str(len(body))), *headers.items(),
            ],
        )  # fmt: skip
        try:
            connection.settimeout(left(deadline))
            connection.sendall(
                (wire.send(request) or b"") + (wire.send(h11.Data(body)) or b"")
                + (wire.send(h11.EndOfMessage()) or b"")
            )  # fmt: skip
            head = read_head(wire, connection, deadline)
        except TimeoutError:
            raise Unanswered(f"There was no answer within {seconds:g} s.") from None
        except (OSError, h11.RemoteProtocolError) as error:
            raise Unanswered(f"The connection broke before there was an answer: {error}.") from None
        # The status decides; the body is for people to read, and a slow one is not waited for.
        text = read_body(wire, connection, min(deadline, time.monotonic() + BODY_SECONDS))
    told = dict(head.headers)
    retry_after = told.get(b"retry-after", b"").decode("latin-1")
    return Answer(head.status_code, text.decode("utf-8", "replace"), retry_after)


@contextlib.contextmanager
def connected(target: Target, deadline: float) -> Iterator[socket.socket]:
    """A connection to the first of the checked addresses that takes one; under TLS if it is asked for."""
    raw = connect(target.addresses, target.port, deadline)
    try:
        if target.is_tls:
            raw.settimeout(min(CONNECT_SECONDS, left(deadline)))
            # Which names it may be certified for follows the URL, not the address.
            raw = tls().wrap_socket(raw, server_hostname=target.host)
    except ssl.SSLCertVerificationError as error:
        raw.close()
        raise Unreachable(f"The certificate of {target.host} is not valid: {error.verify_message}.") from None
    except (OSError, ValueError) as error:
        raw.close()
        raise Unreachable(f"No secure connection to {target.authority}: {error}.") from None
    with raw:
        yield raw


def connect(addresses: list[Address], port: int, deadline: float) -> socket.socket:
    """Try one after the other, each for a part of the time."""
    last: OSError | None = None
    for address in addresses[:3]:
        family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.settimeout(min(CONNECT_SECONDS, left(deadline)))
            raw.connect((str(address), port))
        except OSError as error:
            raw.close()
            last = error
        else:
            return raw
    raise Unreachable(f"No connection to port {port} of {addresses[0]}: {last}.")


def read_head(wire: h11.Connection, connection: socket.socket, deadline: float) -> h11.Response:
    """The status and headers of the answer; raises RemoteProtocolError for what is no HTTP."""
    while True:
        event = wire.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            if not feed(wire, connection, deadline):
                # Else h11 tells it in the names of its own states.
                raise h11.RemoteProtocolError("the receiver closed it")
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the receiver closed it")


def read_body(wire: h11.Connection, connection: socket.socket, deadline: float) -> bytes:
    """The beginning of it, as far as it comes."""
    kept, seen = b"", 0
    with contextlib.suppress(OSError, h11.RemoteProtocolError):
        while seen < READ_BYTES:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                feed(wire, connection, deadline)
            elif isinstance(event, h11.Data):
                seen += len(event.data)
                kept = (kept + bytes(event.data))[:KEPT_BYTES]
            else:
                break
    return kept


def feed(wire: h11.Connection, connection: socket.socket, deadline: float) -> bool:
    """What comes next; False at the end.

    Raises TimeoutError once the time is over, however much trickles in.
    """
    connection.settimeout(left(deadline))
    came = connection.recv(8192)
    wire.receive_data(came)
    return bool(came)


def left(deadline: float) -> float:
    """How many seconds are left; raises TimeoutError if none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def tls() -> ssl.SSLContext:
    """Certificates as the system trusts them now, or did at most an hour ago."""
    return tls_from(ssl.get_default_verify_paths(), int(clock() // FRESH_SECONDS))


@lru_cache(maxsize=1)
def tls_from(paths: ssl.DefaultVerifyPaths, hour: int) -> ssl.SSLContext:
    """The versions of today. Where the certificates stand, and in which hour, only say what is kept."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
