"""A receiver of webhooks on loopback: it remembers what came, and answers as the test says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What a receiver's code would see."""

    path: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request, answered by the next reply of the receiver's list, or by 204."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(self.path, headers, body))
        self.server.next_reply()(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the terminal."""


class Receiver(ThreadingHTTPServer):
    """`requests` is what came, `replies` what is answered to the next ones."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.always: Reply = answer(204)
        self.is_ending = threading.Event()
        self.scheme = "http"

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if self.replies else self.always

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what some tests are about."""


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    server = Receiver()
    if tls is not None:
        server.scheme = "https"
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    yield server
    server.is_ending.set()
    server.shutdown()
    thread.join()
    server.server_close()


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    """An ordinary answer; `retry_after="5"` is the header Retry-After."""

    def reply(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def cut(handler: Handler) -> None:
    """The request was taken, and the connection breaks."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.connection.close()
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """The request was taken, and the connection is closed in good order, without a word."""
    handler.close_connection = True


def hang(handler: Handler) -> None:
    """Nothing is said until the end of the test."""
    handler.server.is_ending.wait()


def drip(handler: Handler) -> None:
    """A head that comes byte by byte and never ends: each byte would make a naive client wait anew."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.server.is_ending.wait(0.02):
        handler.wfile.write(b"a")
        handler.wfile.flush()


def flood(handler: Handler) -> None:
    """A body without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not handler.server.is_ending.is_set():
        handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def flood_head(handler: Handler) -> None:
    """Headers without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.is_ending.is_set():
        handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")


def nonsense(handler: Handler) -> None:
    """No HTTP."""
    handler.wfile.write(b"+OK\r\n-ERR unknown command\r\n")
