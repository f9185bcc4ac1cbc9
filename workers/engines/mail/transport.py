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
from workers.engines.mail.redirect import redirect_address, redirected
from workers.engines.mail.writable import Unwritable
from workers.engines.smtp import kept
from workers.engines.smtp.mailer import Mailer
from workers.engines.smtp.outcome import Outcome

SMTP_BACKENDS = frozenset(
    {
        "django.core.mail.backends.smtp.EmailBackend",
        "workers.engines.mail.redirect.RedirectingBackend",
    }
)
"""Where Django would send by SMTP our own engine does."""


class Transport(Protocol):
    """Sends; `stopped` says why it sends no more."""

    @property
    def stopped(self) -> Failed | None: ...

    @property
    def redirect(self) -> str:
        """The mailbox that gets all mail in place of its recipients; empty = there is none."""

    def send(self, postings: Sequence[Posting]) -> Iterator[Outcome]:
        """An outcome for each, in order; what cannot be written is refused."""

    def rest(self) -> None:
        """Take leave of the server; the next message opens another connection."""


class SmtpTransport:
    """By our own engine."""

    def __init__(self, mailer: Mailer, redirect: str = "") -> None:
        self.redirect = redirect
        self._mailer = mailer
        self._written: list[Message | Outcome] = []

    @property
    def stopped(self) -> Failed | None:
        return self._mailer.stopped

    def send(self, postings: Sequence[Posting]) -> Iterator[Outcome]:
        self._written = []
        self._written = written = [self._write(posting) for posting in postings]
        sent = self._mailer.send([each for each in written if isinstance(each, Message)])
        for posting, each in zip(postings, written, strict=True):
            if isinstance(each, Outcome):
                yield each
                continue
            [outcome] = next(sent)
            yield outcome.instead_of(posting.address) if self.redirect else outcome
        for _ in sent:  # ends it, so that it knows that everybody was heard
            raise AssertionError("an outcome that nobody waits for")

    def _write(self, posting: Posting) -> Message | Outcome:
        try:
            message = posting.form.fill(posting.recipient)
            return redirected(message, self.redirect) if self.redirect else message
        except Unwritable as error:
            return unwritable(posting, error)

    def may_have_gone(self, place: int) -> bool:
        """Whether the server may have been given the message at this place of what was sent last."""
        return place < len(self._written) and self._written[place] is self._mailer.handed

    def rest(self) -> None:
        self._mailer.close()


def may_have_gone(transport: Transport, place: int) -> bool:
    """Whether somebody may have got the mail at this place, of which nothing was heard so far.

    A backend of Django's does not say how far it came.
    """
    return not isinstance(transport, SmtpTransport) or transport.may_have_gone(place)


@contextmanager
def opened() -> Iterator[Transport]:
    """The way that the settings name, opened when the first message is sent; raises BadRedirect."""
    redirect = redirect_address()
    if settings.EMAIL_BACKEND in SMTP_BACKENDS:
        with kept.borrowed() as mailer:
            yield SmtpTransport(mailer, redirect)
    else:
        with DjangoTransport(redirect) as transport:
            yield transport
