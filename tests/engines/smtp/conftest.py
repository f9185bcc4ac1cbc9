"""A scripted mail server, and a way to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.smtp_script import LOOPBACK, ScriptedServer, scripted
from workers.engines.mail.letter import Message
from workers.engines.smtp.mailer import Mailer
from workers.engines.smtp.outcome import Outcome
from workers.engines.smtp.server import Server


@pytest.fixture
def mill() -> Iterator[ScriptedServer]:
    """One that pipelines."""
    with scripted() as server:
        yield server


def way_to(server: ScriptedServer, **fields: Any) -> Server:
    return Server(**{"host": LOOPBACK, "port": server.port, "seconds": 5.0} | fields)


def message(*recipients: str, content: bytes = b"Subject: x\r\n\r\nHello\r\n", **fields: Any) -> Message:
    return Message("mill@example.org", recipients or ("ada@example.org",), [content], **fields)


def send(server: Server, *messages: Message) -> list[list[Outcome]]:
    """Everything over one way, which is closed afterwards."""
    mailer = Mailer(server)
    try:
        return list(mailer.send(messages))
    finally:
        mailer.close()


def verdicts(found: list[list[Outcome]]) -> list[list[str]]:
    return [[outcome.verdict.value for outcome in outcomes] for outcomes in found]
