"""Any backend of Django's may send: what it says, or does not say, is told as our own engine's words are."""

import smtplib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.core import mail as django_mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from tests.engines.mail.reading import read
from workers.engines.mail import ours, transport
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Form, Recipient
from workers.engines.mail.mime import Attachment
from workers.engines.mail.pattern import parse
from workers.engines.mail.posting import Posting


class Foreign(BaseEmailBackend):
    """Somebody else's: does what a test tells it."""

    fails: list[Exception | None] = []
    opens: list[Exception | None] = []
    takes = 1

    def open(self) -> bool:
        if self.opens and (error := self.opens.pop(0)):
            raise error
        return True

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if self.fails and (error := self.fails.pop(0)):
            raise error
        return self.takes


@pytest.fixture
def foreign(settings: Settings) -> Iterator[type[Foreign]]:
    settings.EMAIL_BACKEND = f"{__name__}.Foreign"
    Foreign.fails, Foreign.opens, Foreign.takes = [], [], 1
    yield Foreign


def posting(address: str = "ada@example.org", **fields: Any) -> Posting:
    subject = parse("Hello {{ name }}", field="subject")
    letter = ours.letter("message", subject, {"text": "Grüße & <b>"}, **fields)
    recipient = Recipient(
        mailbox=Mailbox(address, "Ada Löve"),
        message_id="<1@example.org>",
        values={"name": "Ada"},
        unsubscribe="https://example.org/u",
    )
    return Posting(Form(letter), recipient)


def verdicts(*postings: Posting) -> list[str]:
    with transport.opened() as way:
        return [outcome.verdict.value for outcome in way.send(postings)]


def test_a_backend_of_djangos_gets_the_same_message(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    file = Attachment("b.pdf", b"%PDF", "application/pdf")

    assert verdicts(posting(reply_to=Mailbox("desk@example.org"), attachments=[file])) == ["taken"]

    [message] = django_mail.outbox
    back = read(message.message().as_bytes(linesep="\r\n"))
    assert message.recipients() == ["ada@example.org"]
    assert (back["Subject"], back["Reply-To"], back["Message-ID"]) == (
        "Hello Ada", "desk@example.org", "<1@example.org>",
    )  # fmt: skip
    assert back["To"].addresses[0].addr_spec == "ada@example.org"
    assert back["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert back.get_body(["plain"]).get_content().startswith("Grüße & <b>")  # type: ignore[union-attr]
    assert "Grüße &amp; &lt;b&gt;" in back.get_body(["html"]).get_content()  # type: ignore[union-attr]
    assert [part.get_filename() for part in back.iter_attachments()] == ["b.pdf"]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"5.1.1 No")}), "refused"),
        (smtplib.SMTPRecipientsRefused({"ADA@example.org": (450, b"4.2.0 Later")}), "put_off"),
        (smtplib.SMTPDataError(554, "Spam"), "refused"),
        (smtplib.SMTPServerDisconnected("gone"), "undecided"),
        (TimeoutError(), "undecided"),
    ],
    ids=["recipient", "another", "data", "gone", "silent"],
)
def test_what_another_backend_raises_is_told_of_whom_it_was_about(
    foreign: type[Foreign], error: Exception, verdict: str
) -> None:
    foreign.fails = [error]

    assert verdicts(posting(), posting()) == [verdict, "taken"]


def test_a_backend_that_says_nothing_of_a_message_leaves_it_undecided(foreign: type[Foreign]) -> None:
    foreign.takes = 0

    assert verdicts(posting()) == ["undecided"]


def test_a_backend_that_cannot_be_opened_sends_nothing_more(foreign: type[Foreign]) -> None:
    foreign.opens = [ConnectionRefusedError("nobody there")]

    with transport.opened() as way:
        found = list(way.send([posting(), posting()]))

    assert [outcome.verdict.value for outcome in found] == ["unsent"] * 2
    assert str(way.stopped) == "The mail server cannot be used: nobody there"


def test_an_address_that_is_not_ascii_is_not_for_a_backend_of_djangos(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    with transport.opened() as way:
        [found] = way.send([posting("dörte@example.org")])

    assert (found.verdict.value, found.recipient) == ("refused", "dörte@example.org")
    assert "SMTPUTF8" in found.text
    assert not django_mail.outbox


@pytest.mark.parametrize("name", ["smtp", "locmem"])
def test_what_cannot_be_written_is_refused_whoever_sends(settings: Settings, name: str) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{name}.EmailBackend"

    with transport.opened() as way:
        [found] = way.send([posting("ada@example.org\r\nBcc: eve@example.org")])

    assert (found.verdict.value, found.status, found.code) == ("refused", "5.6.0", 0)
    assert "control character" in found.text
