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
from email.encoders import encode_base64
from email.message import MIMEPart
from email.mime.base import MIMEBase
from email.utils import format_datetime, formataddr
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import django
from django.core.mail import EmailMultiAlternatives

from jobs.mail.unsubscribe import unsubscribe_headers
from workers.engines.mail import header, mime, writable
from workers.engines.mail.header import Mailbox
from workers.engines.mail.mime import LARGE, Attachment
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
    """A message and its envelope. Each of its pieces begins a line; all recipients share the large ones."""

    sender: str
    recipients: Sequence[str]
    pieces: Sequence[bytes]
    is_international: bool = False
    """Whether an address is not ASCII, so that only a server with SMTPUTF8 can carry it."""

    @property
    def content(self) -> bytes:
        """The whole of it."""
        return b"".join(self.pieces)


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
        self._is_large = any(isinstance(piece, bytes) and len(piece) > LARGE for piece in self._content)
        self._is_multipart = content.media_type.startswith("multipart/")
        self._hash = b""
        if letter.signers and all(isinstance(piece, bytes) for piece in self._content):
            self._hash = self._hashed(self._body({}))
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
        body = self._body(recipient.values)
        if self._letter.signers:
            hashed = self._hash or self._hashed(body)
            headers = [*[signer.sign(headers, hashed, at) for signer in self._letter.signers], *headers]
        head = f"{''.join(headers)}\r\n".encode()
        return Message(
            sender=self._letter.sender.address,
            recipients=[to.address],
            pieces=[head, *body] if self._is_large else [head + body[0]],
            is_international=self._is_international or not to.address.isascii(),
        )

    def for_django(self, recipient: Recipient) -> EmailMultiAlternatives:
        """The same for a backend of Django's, which writes and signs it in its own way; raises Unwritable."""
        message = self.fill(recipient)  # refuses what cannot be written
        if message.is_international:
            raise Unwritable("recipient", "or another address is not ASCII: it takes a server with SMTPUTF8")
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
            media_type = "application/octet-stream" if is_message else file.media_type
            if file.cid:
                made.attach(_shown_for_django(file))
            else:
                made.attach(file.name, file.content, media_type)
        return made

    def _body(self, values: Values) -> list[bytes]:
        """In one piece, but for large files: those are not copied for every recipient."""
        filled = [piece if isinstance(piece, bytes) else piece.fill(values) for piece in self._content]
        return filled if self._is_large else [b"".join(filled)]

    def _hashed(self, body: Sequence[bytes]) -> bytes:
        """What a signer signs of the body. That of one without variables is known; in others the text comes
        first, so that a hash of what follows it cannot be kept."""
        if not self._is_multipart:
            body = [_relaxed(b"".join(body))]
        digest = hashlib.sha256()
        for piece in body:
            digest.update(piece)
        return digest.digest()

    def _subject_for(self, values: Values) -> str:
        return header.text("Subject", self._letter.subject.fill(values), field="subject")


def _unsubscribing(url: str) -> dict[str, str]:
    return unsubscribe_headers(writable.url("unsubscribe link", url) if url else "")


def _apart(headers: str) -> list[str]:
    """Headers written together, one by one."""
    return header.APART.findall(headers)


def _shown_for_django(file: Attachment) -> Any:
    """A picture in the HTML, as Django and its backends know one: by its Content-ID."""
    main, _, sub = file.media_type.partition("/")
    if django.VERSION >= (6, 0):
        part = MIMEPart()
        part.set_content(
            file.content, main, sub, disposition="inline", filename=file.name, cid=f"<{file.cid}>"
        )
        return part
    older = MIMEBase(main, sub)
    older.set_payload(file.content)
    encode_base64(older)
    older.add_header("Content-ID", f"<{file.cid}>")
    older.add_header("Content-Disposition", "inline", filename=("utf-8", "", file.name))
    return older


def _relaxed(body: bytes) -> bytes:
    """Empty lines at the end do not count (RFC 6376, 3.4.4); everything else is as it should be."""
    text = body.rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


@lru_cache(maxsize=4)
def _date(at: int) -> str:
    return header.exact("Date", format_datetime(datetime.fromtimestamp(at, UTC)))
