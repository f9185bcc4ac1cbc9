"""The mail sink keeps what it receives."""

import smtplib
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
