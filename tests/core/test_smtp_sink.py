"""The mail sink keeps what it receives."""

import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.embedded.environment import PROJECT
from core.embedded.ports import free_port, is_free
from tests.waiting import eventually
from workers.engines.mail.letter import Message
from workers.engines.smtp.mailer import Mailer
from workers.engines.smtp.server import Server


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    chosen = free_port()
    command = [sys.executable, "-m", "core.smtp_sink", str(chosen), str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL) as sink:
        eventually(lambda: not is_free(chosen), what="the sink listens")
        yield chosen
        sink.terminate()
        assert sink.wait(10) == 0


def test_each_message_becomes_a_file_with_its_envelope(tmp_path: Path, port: int) -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["To"] = "alice@example.com"
    message.set_content("Hello")

    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(
            message, from_addr="millrace@example.com", to_addrs=["alice@example.com", "bob@example.com"]
        )
        client.send_message(message, from_addr="millrace@example.com", to_addrs=["alice@example.com"])

    first, second = sorted(tmp_path.glob("*.eml"))
    kept = message_from_bytes(first.read_bytes())
    assert kept["X-Envelope-From"] == "millrace@example.com"
    assert kept["X-Envelope-To"] == "alice@example.com, bob@example.com"
    assert kept.get_payload(decode=True) == b"Hello\r\n"
    assert b"bob@example.com" not in second.read_bytes()


def test_our_own_engine_pipelines_into_it(tmp_path: Path, port: int) -> None:
    contents = [
        b"A: b\r\n\r\n.\r\n..x\r\n",
        b"A: b\r\n\r\n" + b"x" * 3_000_000 + b"\r\n",
        b".\r\n",
        b"A: b\r\n\r\n\r\n",
    ]
    mailer = Mailer(Server(host="127.0.0.1", port=port))

    found = list(
        mailer.send(
            [Message("mill@example.org", ["d\u00f6rte@example.org"], [each], True) for each in contents]
        )
    )

    mailer.close()
    assert [outcome.verdict for [outcome] in found] == ["taken"] * 4
    kept = [
        path.read_bytes().partition(b"\r\nX-Envelope-To: d\xc3\xb6rte@example.org\r\n")[2]
        for path in sorted(tmp_path.glob("*.eml"))
    ]
    assert kept == contents


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (b"NONSENSE\r\n", ["500"]),
        (b"DATA\r\nRCPT TO:<a@b>\r\n", ["503", "503"]),
        (b"MAIL FROM:<a@b>\r\nDATA\r\nMAIL FROM:<a@b>\r\n", ["250", "503", "503"]),
        (b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRSET\r\nDATA\r\n", ["250", "250", "250", "503"]),
        (b"MAIL a@b\r\nNOOP\r\nQUIT\r\n", ["500", "250", "221"]),
        (b"x" * 5000, ["552"]),
    ],
    ids=["nonsense", "order", "twice", "reset", "quit", "long"],
)
def test_it_knows_the_order_of_things(port: int, said: bytes, answers: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rb") as replies:
        replies.readline()
        connection.sendall(said)

        assert [replies.readline()[:3].decode() for _ in answers] == answers
