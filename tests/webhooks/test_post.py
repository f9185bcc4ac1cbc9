"""One POST: to the address that was checked, under the name that was given, in bounded time and size."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobs.webhooks import guard
from jobs.webhooks.guard import Target, aim
from tests.webhooks import receiver
from tests.webhooks.conftest import LET_IN, SetConf
from tests.webhooks.receiver import Receiver, answer, cut, drip, flood, flood_head, hang, hang_up, nonsense
from workers.engines import post as engine
from workers.engines.post import Answer, Unanswered, Unreachable, post

HEADERS = {"content-type": "application/json"}


def send(url: str, seconds: float = 5) -> Answer:
    return post(aim(url), b'{"a": 1}', HEADERS, seconds=seconds)


def test_the_body_arrives_whole_under_the_name_that_was_given(inbox: Receiver) -> None:
    inbox.replies.append(answer(200, b"thank you"))

    got = send(inbox.url + "?q=1")

    [request] = inbox.requests
    assert (request.path, request.body) == ("/hooks?q=1", b'{"a": 1}')
    assert request.headers["host"] == f"localhost:{inbox.port}"
    assert got == Answer(200, "thank you", "")


def test_a_redirect_is_an_answer_and_is_not_followed(inbox: Receiver) -> None:
    inbox.replies.append(answer(302, location=inbox.url + "/other"))

    assert send(inbox.url).status == 302
    assert len(inbox.requests) == 1


def test_no_proxy_of_the_environment_is_asked(inbox: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert send(inbox.url).status == 204


def test_it_connects_to_the_checked_address_and_asks_no_name_server_again(
    inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race of DNS rebinding: between the check and the connection the name becomes another address."""
    target = aim(inbox.url)

    def rebound(*args: Any, **more: Any) -> Any:
        raise AssertionError("the name was looked up again")

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    assert post(target, b"", HEADERS, seconds=5).status == 204


def test_it_calls_no_address_but_those_that_were_checked(inbox: Receiver) -> None:
    """The receiver listens where the name leads; nobody does at the address that was checked."""
    target = aim(inbox.url)._replace(addresses=[ip_address("127.0.0.9")])

    with pytest.raises(Unreachable, match=r"of 127\.0\.0\.9"):
        post(target, b"", HEADERS, seconds=5)
    assert inbox.requests == []


def test_the_next_address_is_tried_where_the_first_takes_no_connection(inbox: Receiver) -> None:
    target = aim(inbox.url)._replace(addresses=[ip_address("127.0.0.9"), ip_address("127.0.0.1")])

    assert post(target, b"", HEADERS, seconds=5).status == 204


def test_where_nobody_listens_nothing_was_sent(inbox: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(Unreachable, match=f"No connection to port {port}"):
        send(f"http://localhost:{port}/")


@pytest.mark.parametrize("reply", [cut, nonsense, flood_head])
def test_an_answer_that_breaks_off_or_is_none_leaves_it_open(inbox: Receiver, reply: Any) -> None:
    inbox.replies.append(reply)

    with pytest.raises(Unanswered, match="broke before there was an answer"):
        send(inbox.url)
    assert len(inbox.requests) == 1


def test_a_receiver_that_hangs_up_is_told_so_in_plain_words(inbox: Receiver) -> None:
    inbox.replies.append(hang_up)

    with pytest.raises(Unanswered) as caught:
        send(inbox.url)
    assert str(caught.value) == "The connection broke before there was an answer: the receiver closed it."


@pytest.mark.parametrize("reply", [hang, drip])
def test_silence_and_a_trickle_are_not_waited_for(inbox: Receiver, reply: Any) -> None:
    inbox.replies.append(reply)
    started = time.monotonic()

    with pytest.raises(Unanswered, match=r"no answer within 0\.3 s"):
        send(inbox.url, seconds=0.3)

    assert time.monotonic() - started < 2


def test_of_an_endless_body_the_beginning_is_kept(inbox: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long one would wait for more of it: what ends it is its size."""
    monkeypatch.setattr("workers.engines.post.BODY_SECONDS", 60)
    inbox.replies.append(flood)
    started = time.monotonic()

    got = send(inbox.url, seconds=60)

    assert (got.status, got.text) == (200, "x" * 1024)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(("seconds", "for_body"), [(60, 0.3), (3, 60)])
def test_a_body_that_never_comes_does_not_undo_the_status(
    inbox: Receiver, monkeypatch: pytest.MonkeyPatch, seconds: float, for_body: float
) -> None:
    """Its own time ends it, or that of the whole."""
    monkeypatch.setattr("workers.engines.post.BODY_SECONDS", for_body)

    def promise(handler: receiver.Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        handler.server.is_ending.wait()

    inbox.replies.append(promise)
    started = time.monotonic()

    assert send(inbox.url, seconds=seconds) == Answer(200, "abc", "")
    assert time.monotonic() - started < 30


def test_an_interim_answer_is_not_the_answer(inbox: Receiver) -> None:
    def hint(handler: receiver.Handler) -> None:
        handler.wfile.write(
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        )

    inbox.replies.append(hint)

    assert send(inbox.url).status == 201


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture
def secure_inbox(set_conf: SetConf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver whose certificate is for hooks.example.org and is trusted; every name is loopback."""
    set_conf(**LET_IN | {"webhook_http": False})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = make_certificate(tmp_path, "hooks.example.org")
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *args, **more: found)
    with receiver.running(context) as server:
        yield server


def make_certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "receiver.pem"
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_the_certificate_is_checked_by_name_although_the_address_is_given(secure_inbox: Receiver) -> None:
    assert send(f"https://hooks.example.org:{secure_inbox.port}/").status == 204

    with pytest.raises(Unreachable, match=r"certificate of other\.example\.org is not valid"):
        send(f"https://other.example.org:{secure_inbox.port}/")
    assert len(secure_inbox.requests) == 1


def test_a_certificate_nobody_trusts_is_refused(
    secure_inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(Unreachable, match="not valid"):
        send(f"https://hooks.example.org:{secure_inbox.port}/")


def test_the_certificates_of_the_system_are_read_once_an_hour(
    secure_inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    make = ssl.create_default_context

    def counted() -> ssl.SSLContext:
        read.append(1)
        return make()

    monkeypatch.setattr(engine.ssl, "create_default_context", counted)
    for second, times in ((3600.0, 1), (7199.0, 1), (7200.0, 2)):
        monkeypatch.setattr(engine, "clock", lambda second=second: second)

        assert send(f"https://hooks.example.org:{secure_inbox.port}/").status == 204
        assert len(read) == times


def test_plain_http_is_not_spoken_to_a_server_without_tls(inbox: Receiver) -> None:
    target = Target(True, "localhost", inbox.port, "/", [ip_address("127.0.0.1")])

    with pytest.raises(Unreachable, match="No secure connection"):
        post(target, b"secret", HEADERS, seconds=5)
    assert inbox.requests == []
