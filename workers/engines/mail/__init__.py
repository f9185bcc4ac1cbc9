"""Mail: written from templates, sent through Django's email API, with an exact word on how it ended.

A 5xx answer is final (Rejected), a 4xx answer or a connection that broke early may be tried again (Failed),
and a connection that broke after the message was handed over leaves it open (Undecided).
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string

from jobs.errors import Failed, JobError, Rejected
from workers.engines import smtp
from workers.engines.addresses import ascii_domain

TEMPLATES = "millrace/email"


class Unreachable(Failed):
    """There is no mail server to talk to at present."""


class Undecided(JobError):
    """The server did not answer after it was given the message: it may have taken it."""


class Attachment(NamedTuple):
    """A file to go with a message."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One message, to be sent to each of its recipients."""

    subject: str
    template: str
    values: Mapping[str, Any]
    to: Sequence[str]
    message_id: str
    reply_to: str | None = None
    auto_submitted: str = "auto-generated"
    attachments: Sequence[Attachment] = field(default=())

    def message_for(self, recipient: str) -> EmailMultiAlternatives:
        """The message as this recipient gets it; all see the same line of recipients."""
        values = {"subject": self.subject, **self.values}
        message = EmailMultiAlternatives(
            subject=self.subject,
            body=render_to_string(f"{TEMPLATES}/{self.template}.txt", values).strip() + "\n",
            to=[recipient],
            reply_to=[self.reply_to] if self.reply_to else None,
            headers={
                "To": ", ".join(self.to),
                "Message-ID": self.message_id,
                "Auto-Submitted": self.auto_submitted,
            },
        )
        message.attach_alternative(render_to_string(f"{TEMPLATES}/{self.template}.html", values), "text/html")
        for attached in self.attachments:
            # A message in a message would be taken apart and put together anew.
            is_message = attached.media_type.startswith("message/")
            media_type = "application/octet-stream" if is_message else attached.media_type
            message.attach(attached.name, attached.content, media_type)
        return message


def message_id(job: UUID, part: str = "") -> str:
    """The same for every attempt, so that a mail server or reader can tell a repetition."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{job}{'.' if part else ''}{part}@{ascii_domain(domain) or 'localhost'}>"


@contextmanager
def connected() -> Iterator[BaseEmailBackend]:
    """A connection for several messages, opened when the first one is sent."""
    backend = smtp.connect()
    try:
        yield backend
    finally:
        hang_up(backend)


def deliver(mail: Mail, recipient: str, backend: BaseEmailBackend) -> None:
    """Send to one recipient; raises Unreachable, Failed, Rejected or Undecided."""
    message = mail.message_for(recipient)
    message.connection = backend
    try:
        backend.open()
    except (smtplib.SMTPException, OSError) as error:
        hang_up(backend)
        raise Unreachable(f"The mail server cannot be used: {_words(error)}") from error
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        verdict = _verdict(error, recipient, smtp.is_unanswered(backend))
        hang_up(backend)  # whatever state it is in, the next message begins afresh
        raise verdict from error


def hang_up(backend: BaseEmailBackend) -> None:
    """Close the connection; a server that does not say goodbye changes nothing about what was sent."""
    with suppress(smtplib.SMTPException, OSError):
        backend.close()


def _verdict(error: Exception, recipient: str, is_unanswered: bool) -> JobError:
    code, reply = _answer(error, recipient)
    if 500 <= code < 600:
        return Rejected(f"{recipient} was refused by the mail server: {code} {reply}")
    if 400 <= code < 500:
        return Failed(f"{recipient} was put off by the mail server: {code} {reply}")
    if is_unanswered or code:
        return Undecided(f"The mail server may or may not have taken the mail to {recipient}: {reply}")
    return Failed(f"The connection to the mail server broke before it had the mail: {reply}")


def _answer(error: Exception, recipient: str) -> tuple[int, str]:
    """The server's code, 0 if it gave none, and its words."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = error.recipients.get(recipient) or next(iter(error.recipients.values()))
        return code, _text(reply)
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code, _text(error.smtp_error)
    return 0, _words(error)


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error) or type(error).__name__


def _text(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply
