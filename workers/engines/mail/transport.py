"""How mail leaves: by our own SMTP engine, or through whatever backend of Django's the project chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from django.conf import settings

from jobs.errors import Failed
from workers.engines.mail.by_django import DjangoTransport
from workers.engines.mail.letter import Message
from workers.engines.mail.posting import Posting, unwritable
from workers.engines.mail.writable import Unwritable
from workers.engines.smtp import kept
from workers.engines.smtp.mailer import Mailer
from workers.engines.smtp.outcome import Outcome

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class Transport(Protocol):
    """Sends; `stopped` says why it sends no more."""

    @property
    def stopped(self) -> Failed | None: ...

    def send(self, postings: Sequence[Posting]) -> Iterator[Outcome]:
        """An outcome for each, in order; what cannot be written is refused."""


class SmtpTransport:
    """By our own engine."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    @property
    def stopped(self) -> Failed | None:
        return self._mailer.stopped

    def send(self, postings: Sequence[Posting]) -> Iterator[Outcome]:
        written = [_write(posting) for posting in postings]
        sent = self._mailer.send([each for each in written if isinstance(each, Message)])
        for each in written:
            yield each if isinstance(each, Outcome) else next(sent)[0]
        for _ in sent:  # ends it, so that it knows that everybody was heard
            raise AssertionError("an outcome that nobody waits for")


@contextmanager
def opened() -> Iterator[Transport]:
    """The way that the settings name, opened when the first message is sent."""
    if settings.EMAIL_BACKEND == SMTP_BACKEND:
        with kept.borrowed() as mailer:
            yield SmtpTransport(mailer)
    else:
        with DjangoTransport() as transport:
            yield transport


def _write(posting: Posting) -> Message | Outcome:
    try:
        return posting.form.fill(posting.recipient)
    except Unwritable as error:
        return unwritable(posting, error)
