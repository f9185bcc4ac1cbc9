"""The proxy does to the wire what it says."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy
from tests.waiting import eventually


class Echo:
    """A server that answers with what it got, and remembers it."""

    def __init__(self) -> None:
        self.got = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        with connection:
            while data := receive(connection):
                self.got += data
                connection.sendall(data)


def receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except OSError:
        return b""


def is_refused(proxy: Proxy) -> bool:
    """Reset so soon that the very connect may say so, or a moment later."""
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
            return receive(connection) == b""
    except OSError:
        return True


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.listener.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    found = Proxy(echo.port)
    yield found
    found.close()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        yield connection


def test_it_passes_both_ways(client: socket.socket) -> None:
    client.sendall(b"hello")

    assert client.recv(100) == b"hello"


def test_a_cut_resets_what_is_open_and_refuses_what_comes(proxy: Proxy, client: socket.socket) -> None:
    client.sendall(b"hello")
    client.recv(100)

    proxy.cut()

    assert receive(client) == b""
    assert is_refused(proxy)
    proxy.open()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as another:
        another.sendall(b"again")
        assert another.recv(100) == b"again"


def test_a_black_hole_keeps_bytes_until_it_is_open(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"one")
    client.recv(100)
    proxy.black_hole()
    client.sendall(b"two")
    client.settimeout(0.2)

    with pytest.raises(TimeoutError):
        client.recv(100)
    assert echo.got == b"one"
    client.settimeout(5)
    proxy.open()

    assert client.recv(100) == b"two"


def test_a_dropped_reply_is_to_what_the_server_did(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    proxy.drop_reply(b"COMMIT")
    client.sendall(b"BEGIN")
    assert client.recv(100) == b"BEGIN"

    client.sendall(b"COMMIT")

    assert receive(client) == b""
    eventually(lambda: echo.got == b"BEGINCOMMIT", what="the server heard it")
    assert proxy.dropped == 1
