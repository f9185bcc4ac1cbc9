"""Three mails as they leave: made by their kinds, kept in docs/messages, compared but for what differs."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from jobs.artifacts import store_upload
from jobs.registry import KINDS
from tests.running import accept, run
from tests.smtp_script import ScriptedServer

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "messages"
PAGE = DOCS / "reference" / "messages.md"
RECORDS = FOLDER / "dkim.txt"
PICTURE = FOLDER / "water.jpg"
HTML = FOLDER / "localised.html"
NAMES = ("plain", "localised", "campaign")
DIFFERS = [
    (rb"DKIM-Signature: .*\r\n(?: .*\r\n)*", b"DKIM-Signature: ...\r\n"),
    (rb"Date: .*", b"Date: ..."),
    (rb"<[0-9a-f]{32}\.\d+\.[a-z2-7]{16}@", b"<...@"),
    (rb"1\.[0-9a-f]{32}(?=@)", b"1..."),
    (rb"=_[0-9a-f]{24}", b"=_..."),
    (rb"List-Unsubscribe: .*", b"List-Unsubscribe: ..."),
    (rb"(?<=/unsubscribe/)(?:[\w:-]|=\r\n)+", b"..."),
]
LINES = 5


def made(mill: ScriptedServer, owner: User) -> dict[str, bytes]:
    """The three, as a mail server took them."""

    def sent(kind: str, payload: dict[str, Any]) -> bytes:
        run(KINDS.find(kind), accept(KINDS.find(kind), payload, owner))
        return mill.taken[-1].content

    def handed_in(name: str, content: bytes) -> str:
        return str(store_upload(BytesIO(content), name=name, owner=owner).id)

    guest = {"values": {"sacks": 3}}
    english = {
        "subject": "Your flour is ready, {{ name }}",
        "text": "We have ground {{ sacks }} sacks for you.\n\nWe are open until six.",
    }
    german = {
        "language": "de",
        "subject": "Ihr Mehl ist fertig, {{ name }}",
        "text": "Grüße aus der Mühle, {{ name }}!\n\nIhr Mehl ist gemahlen: {{ sacks }} Säcke,"
        " fein wie Schnee.\n\nAbholen können Sie es bis sechs Uhr. Die Rechnung liegt bei.",
        "html": HTML.read_text(),
    }
    return {
        "plain": sent(
            "email.send",
            {
                "to": ["ada@example.org"],
                "subject": "The mill is running",
                "text": "Hello Ada,\n\nthe water is in, and the wheel turns."
                "\n\nSee https://example.org/mill for the hours.",
            },
        ),
        "localised": sent(
            "email.campaign",
            {
                **english,
                "recipients": [
                    {
                        "to": "jurgen@example.org",
                        "name": "Jürgen Groß",
                        "values": {"sacks": 12, "language": "de"},
                    }
                ],
                "translations": [german],
                "images": [handed_in("water.jpg", PICTURE.read_bytes())],
                "attachments": [handed_in("Rechnung für Herrn Groß.txt", "Zwölf Säcke: 48 €\n".encode())],
            },
        ),
        "campaign": sent(
            "email.campaign",
            {
                **english,
                "recipients": [{"to": "ada@example.org", "name": "Ada", **guest}],
                "button": "See the order",
                "link": "https://example.org/orders?for={{email}}",
            },
        ),
    }


def alike(content: bytes) -> bytes:
    """Without what differs each time it is made."""
    for pattern, instead in DIFFERS:
        content = re.sub(pattern, instead, content)
    return content


def opened(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def look_up(name: bytes, timeout: float = 0) -> bytes | None:
    """The DNS of the mails that are kept."""
    records = dict(line.split(maxsplit=1) for line in RECORDS.read_text().splitlines())
    found = records.get(name.decode().rstrip("."))
    return found.encode() if found else None


def shortened(content: bytes) -> str:
    """Its source as a page shows it: every header, and how each part begins."""
    lines, left = [], 10_000
    for line in content.decode().split("\r\n"):
        if line.startswith("--=_") or line.startswith("Content-"):
            left = 10_000
        elif not line and left > LINES:
            left = LINES
        if left > 0:
            lines.append(line)
        elif left == 0:
            lines.append("[…]")
        left -= 1 if left <= LINES else 0
    return "\n".join(lines).strip("\n")


def block(name: str) -> str:
    """What stands on the page."""
    return f"```text\n{shortened((FOLDER / f'{name}.eml').read_bytes())}\n```"


def write_block(name: str) -> None:
    """Put it there."""
    mark = f"<!-- {name}.eml -->\n"
    before, _, rest = PAGE.read_text().partition(mark)
    _, _, after = rest.partition("\n```\n")
    PAGE.write_text(f"{before}{mark}{block(name)}\n{after}")
