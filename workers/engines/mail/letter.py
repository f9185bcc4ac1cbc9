"""A mail as all its recipients share it, made ready once (`Form`) and filled for each of them.

What comes out is the message on the wire: CRLF only, ASCII (but for an address that needs SMTPUTF8), one of
each header. Whatever would change the message around it raises Unwritable.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr
from functools import lru_cache
from typing import NamedTuple, Protocol

from django.core.mail import EmailMultiAlternatives

from jobs.mail.unsubscribe import unsubscribe_headers
from workers.engines.mail import header, mime, writable
from workers.engines.mail.header import Mailbox
from workers.engines.mail.mime import Attachment
from workers.engines.mail.pattern import Pattern, Values
from workers.engines.mail.writable import Unwritable

AUTO_SUBMITTED = ("auto-generated", "auto-replied", "no")


class Signer(Protocol):
    """Signs messages whose body is in relaxed form."""

    def sign(self, headers: Sequence[str], body_hash: bytes, at: int) -> str:
        """A DKIM-Signature header, with its line end; `at` in seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What all recipients share; `to` is the To line if all are to see the same."""

    sender: Mailbox
    subject: Pattern
    text: Pattern
    html: Pattern | None = None
    to: Sequence[Mailbox] = ()
    reply_to: Mailbox | None = None
    auto_submitted: str = "auto-generated"
    attachments: Sequence[Attachment] = ()
    signers: Sequence[Signer] = ()

    @property
    def variables(self) -> set[str]:
        """The names that its texts have holes for."""
        return set().union(*(text.variables for text in self._texts))

    @property
    def required(self) -> set[str]:
        """Those that every recipient must have a value for."""
        return set().union(*(text.required for text in self._texts))

    @property
    def _texts(self) -> list[Pattern]:
        return [text for text in (self.subject, self.text, self.html) if text is not None]


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """Who gets it, under a Message-ID that is the same however often it is tried."""

    mailbox: Mailbox
    message_id: str
    values: Values = field(default_factory=dict)
    unsubscribe: str = ""
    """Where one POST takes them off the list (RFC 8058); empty = there is no list."""


class Message(NamedTuple):
    """A message and its envelope."""

    sender: str
    recipients: Sequence[str]
    content: bytes
    is_international: bool = False
    """Whether an address is not ASCII, so that only a server with SMTPUTF8 can carry it."""


class Form:
    """A letter made ready: texts and files encoded, and every header written that is the same for all."""

    def __init__(self, letter: Letter, *, now: Callable[[], float] = time.time) -> None:
        self._letter = letter
        self._now = now
        if letter.auto_submitted not in AUTO_SUBMITTED:
            raise Unwritable("auto_submitted", f"is none of {', '.join(AUTO_SUBMITTED)}")
        self._from = header.mailboxes("From", [letter.sender], field="sender")
        self._to = header.mailboxes("To", letter.to, field="to") if letter.to else ""
        self._subject = "" if letter.subject.variables else self._subject_for({})
        content = mime.build(letter.text, letter.html, list(letter.attachments), f"=_{secrets.token_hex(12)}")
        self._content = content.content
        answers = [letter.reply_to] if letter.reply_to else []
        self._shared = [
            *(header.mailboxes("Reply-To", [box], field="reply_to") for box in answers),
            header.exact("Auto-Submitted", letter.auto_submitted),
            header.exact("MIME-Version", "1.0"),
            *_apart(content.headers),
        ]
        self._is_international = not all(
            box.address.isascii() for box in (letter.sender, *letter.to, *answers)
        )

    def fill(self, recipient: Recipient) -> Message:
        """The message for one recipient; raises Unwritable."""
        at = int(self._now())
        to = recipient.mailbox
        addressed = header.mailboxes("To", [to], field="recipient")
        headers = [
            self._from,
            self._to or addressed,
            self._subject or self._subject_for(recipient.values),
            _date(at),
            header.exact("Message-ID", writable.message_id("message id", recipient.message_id)),
            *(header.exact(*each) for each in _unsubscribing(recipient.unsubscribe).items()),
            *self._shared,
        ]
        body = b"".join(
            [piece if isinstance(piece, bytes) else piece.fill(recipient.values) for piece in self._content]
        )
        if self._letter.signers:
            hashed = hashlib.sha256(_relaxed(body)).digest()
            headers = [*[signer.sign(headers, hashed, at) for signer in self._letter.signers], *headers]
        return Message(
            sender=self._letter.sender.address,
            recipients=[to.address],
            content=f"{''.join(headers)}\r\n".encode() + body,
            is_international=self._is_international or not to.address.isascii(),
        )

    def for_django(self, recipient: Recipient) -> EmailMultiAlternatives:
        """The same for a backend of Django's, which writes and signs it in its own way; raises Unwritable."""
        message = self.fill(recipient)  # refuses what cannot be written
        letter, values = self._letter, recipient.values
        shown = [(box.name, box.address) for box in letter.to or [recipient.mailbox]]
        made = EmailMultiAlternatives(
            subject=letter.subject.fill(values),
            body=letter.text.fill(values),
            from_email=formataddr((letter.sender.name, letter.sender.address)),
            to=list(message.recipients),
            reply_to=[formataddr((letter.reply_to.name, letter.reply_to.address))]
            if letter.reply_to
            else None,
            headers={
                "To": ", ".join(formataddr(box) for box in shown),
                "Message-ID": recipient.message_id,
                "Auto-Submitted": letter.auto_submitted,
                **_unsubscribing(recipient.unsubscribe),
            },
        )
        if letter.html is not None:
            made.attach_alternative(letter.html.fill(values), "text/html")
        for file in letter.attachments:
            is_message = file.media_type.startswith("message/")
            made.attach(
                file.name, file.content, "application/octet-stream" if is_message else file.media_type
            )
        return made

    def _subject_for(self, values: Values) -> str:
        return header.text("Subject", self._letter.subject.fill(values), field="subject")


def _unsubscribing(url: str) -> dict[str, str]:
    return unsubscribe_headers(writable.url("unsubscribe link", url) if url else "")


def _apart(headers: str) -> list[str]:
    """Headers written together, one by one."""
    return header.APART.findall(headers)


def _relaxed(body: bytes) -> bytes:
    """Empty lines at the end do not count (RFC 6376, 3.4.4); everything else is as it should be."""
    text = body.rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


@lru_cache(maxsize=4)
def _date(at: int) -> str:
    return header.exact("Date", format_datetime(datetime.fromtimestamp(at, UTC)))
