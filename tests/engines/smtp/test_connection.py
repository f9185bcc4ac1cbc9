"""How a server is met: TLS with a good certificate or not at all, and a password where it is asked for."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pytest_django import Settings

from tests.engines.smtp.conftest import message, send, verdicts, way_to
from tests.smtp_script import LOOPBACK, ScriptedServer
from workers.engines.smtp import kept
from workers.engines.smtp.connection import Connection, Unreachable
from workers.engines.smtp.server import configured, context_for


def make_certificate(folder: Path, name: x509.GeneralName) -> ssl.SSLContext:
    """A server's side of TLS, certified for that name by itself."""
    key, us = generate_private_key(SECP256R1()), x509.Name([])
    now, alternative = datetime.now(UTC), x509.SubjectAlternativeName([name])
    made = x509.CertificateBuilder(
        issuer_name=us, subject_name=us, public_key=key.public_key(), serial_number=1,
        not_valid_before=now - timedelta(days=1), not_valid_after=now + timedelta(days=1),
        extensions=[x509.Extension(alternative.oid, True, alternative)],
    ).sign(key, hashes.SHA256())  # fmt: skip
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What is certified in this folder, the system trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    context_for.cache_clear()
    yield tmp_path
    context_for.cache_clear()


def test_mail_goes_over_tls_to_a_server_with_a_good_certificate(mill: ScriptedServer, trusted: Path) -> None:
    mill.tls = make_certificate(trusted, x509.IPAddress(ip_address(LOOPBACK)))

    found = send(way_to(mill, starttls=True, user="mill", password="secret"), message())

    assert (found[0][0].verdict, found[0][0].text) == (
        "unsent",
        "The mail server cannot be used: it offers neither AUTH PLAIN nor AUTH LOGIN.",
    )
    assert verdicts(send(way_to(mill, starttls=True), message())) == [["taken"]]
    assert mill.sessions[-1].is_secure


@pytest.mark.parametrize(
    "name", [x509.DNSName("elsewhere.example"), x509.IPAddress(ip_address("127.0.0.2"))], ids=str
)
def test_a_certificate_for_another_name_is_refused(
    mill: ScriptedServer, trusted: Path, name: x509.GeneralName
) -> None:
    mill.tls = make_certificate(trusted, name)

    [[found]] = send(way_to(mill, starttls=True), message())

    assert found.verdict == "unsent"
    assert "certificate is not good for 127.0.0.1" in found.text


def test_a_certificate_that_nobody_knows_is_refused_unless_that_is_allowed(
    mill: ScriptedServer, tmp_path: Path
) -> None:
    mill.tls = make_certificate(tmp_path, x509.IPAddress(ip_address(LOOPBACK)))

    [[found]] = send(way_to(mill, starttls=True), message())

    assert "certificate is not good for 127.0.0.1" in found.text
    assert verdicts(send(way_to(mill, starttls=True, verified=False), message())) == [["taken"]]


@pytest.mark.parametrize("said", ["454 4.7.0 Not now", "501 5.5.4 No"])
def test_mail_that_is_to_be_secret_is_not_sent_in_the_clear(
    mill: ScriptedServer, tmp_path: Path, said: str
) -> None:
    [[not_offered]] = send(way_to(mill, starttls=True), message())
    mill.tls = make_certificate(tmp_path, x509.DNSName("x"))
    mill.script["STARTTLS"] = said
    [[refused]] = send(way_to(mill, starttls=True), message())

    assert not_offered.text == "The mail server cannot be used: it does not offer STARTTLS."
    assert refused.text == f"The mail server cannot be used: it refuses STARTTLS: {said}"
    assert mill.taken == []


def test_words_that_somebody_put_before_tls_are_not_believed(mill: ScriptedServer, trusted: Path) -> None:
    mill.tls = make_certificate(trusted, x509.IPAddress(ip_address(LOOPBACK)))
    mill.script["STARTTLS"] = "220 Go on\r\n250 And I am the server"

    [[found]] = send(way_to(mill, starttls=True), message())

    assert found.text == "The mail server cannot be used: somebody put words before its TLS."


@pytest.mark.parametrize(
    ("offered", "answers", "said"),
    [
        ("AUTH PLAIN LOGIN", ["235 2.7.0 Welcome"], ["AUTH PLAIN AG1pbGwAc2VjcmV0"]),
        ("AUTH LOGIN CRAM-MD5", ["334 VXNlcm5hbWU6"], ["AUTH LOGIN"]),
    ],
    ids=["plain", "login"],
)
def test_it_signs_in_as_the_server_offers(
    mill: ScriptedServer, offered: str, answers: list[str], said: list[str]
) -> None:
    mill.extensions = ("PIPELINING", offered)
    mill.script |= {"AUTH": answers, "bWlsbA==": "334 UGFzc3dvcmQ6", "c2VjcmV0": "235 2.7.0 Welcome"}

    found = send(way_to(mill, user="mill", password="secret"), message())

    assert verdicts(found) == [["taken"]]
    assert mill.sessions[0].lines[1:2] == said


def test_a_wrong_password_is_not_said_aloud(mill: ScriptedServer) -> None:
    mill.extensions = ("AUTH PLAIN",)
    mill.script["AUTH"] = "535 5.7.8 Wrong"
    server = way_to(mill, user="mill", password="secret")

    with pytest.raises(Unreachable, match="refuses user and password: 535") as refused:
        Connection.open(server)

    assert "secret" not in f"{refused.value}{server!r}"


def test_django_settings_say_where_it_goes(settings: Settings) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example.org", 587
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = True, False
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mill", "secret"
    settings.EMAIL_UNVERIFIED = True

    server = configured()

    assert (server.address, server.user, server.starttls) == ("mail.example.org:587", "mill", True)
    assert (server.tls, server.verified) == (False, False)


@pytest.fixture
def configured_mill(mill: ScriptedServer, settings: Settings) -> Iterator[ScriptedServer]:
    settings.EMAIL_HOST, settings.EMAIL_PORT = LOOPBACK, mill.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield mill
    kept.close_all()


def send_as_a_job() -> list[list[str]]:
    with kept.borrowed() as mailer:
        return verdicts(list(mailer.send([message()])))


def test_the_next_job_goes_on_over_the_same_connection(configured_mill: ScriptedServer) -> None:
    assert [send_as_a_job(), send_as_a_job()] == [[["taken"]]] * 2

    assert len(configured_mill.sessions) == 1


def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(configured_mill: ScriptedServer) -> None:
    configured_mill.script["DOT"] = ["250 OK", "250 OK"]
    configured_mill.script["MAIL"] = ["250 OK", "HANG UP", "250 OK"]

    assert [send_as_a_job(), send_as_a_job()] == [[["taken"]]] * 2


def test_a_connection_that_idled_too_long_is_given_up(
    configured_mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.engines.smtp.kept.IDLE_SECONDS", -1.0)

    assert [send_as_a_job(), send_as_a_job()] == [[["taken"]]] * 2
    assert len(configured_mill.sessions) == 2
    assert configured_mill.sessions[0].lines[-1] == "QUIT"


def test_a_job_that_breaks_off_leaves_no_connection_behind(configured_mill: ScriptedServer) -> None:
    with pytest.raises(RuntimeError), kept.borrowed() as mailer:
        list(mailer.send([message()]))
        raise RuntimeError

    send_as_a_job()
    assert len(configured_mill.sessions) == 2


def test_a_child_does_not_speak_over_its_parents_connection(
    configured_mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_as_a_job()
    monkeypatch.setattr("workers.engines.smtp.kept.os.getpid", lambda: -1)

    send_as_a_job()

    assert len(configured_mill.sessions) == 2
    assert "QUIT" not in configured_mill.sessions[0].lines
