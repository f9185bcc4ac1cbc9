"""Mail through any backend of Django's (anymail's, a file, the console): they are asked as Django asks them.

A backend of somebody else's cannot say whether a message was handed over before it broke: without an answer
whoever it was for stays undecided.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from django.core.mail import EmailMessage, get_connection

from jobs.errors import Failed
from workers.engines.mail.posting import Posting, unwritable
from workers.engines.mail.redirect import redirect_for_django
from workers.engines.mail.writable import Unwritable
from workers.engines.smtp.connection import Unreachable
from workers.engines.smtp.outcome import Outcome, Reply, Verdict, shown

NO_ANSWER = "nobody said whether it was taken"


class DjangoTransport:
    """Opened with the first message, closed at the end of the block."""

    def __init__(self, redirect: str = "") -> None:
        self.redirect = redirect
        self.stopped: Failed | None = None
        self._backend = get_connection()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, postings: Sequence[Posting]) -> Iterator[Outcome]:
        """An outcome for each, in order."""
        for posting in postings:
            yield self._send(posting)

    def rest(self) -> None:
        """Close; the next message opens it again."""
        self._close()

    def _send(self, posting: Posting) -> Outcome:
        try:
            message = posting.form.for_django(posting.recipient)
        except Unwritable as error:
            return unwritable(posting, error)
        if self.stopped is None:
            self._open()
        if self.stopped is not None:
            return Outcome.without_reply(posting.address, Verdict.UNSENT, str(self.stopped))
        try:
            if not self.redirect:
                return self._given(message, posting.address)
            redirected = redirect_for_django(message, self.redirect)
            return self._given(redirected, self.redirect).instead_of(posting.address)
        except (smtplib.SMTPException, OSError) as error:
            self._close()  # whatever state it is in, the next message begins afresh
            return _outcome(error, posting.address)

    def _given(self, message: EmailMessage, address: str) -> Outcome:
        if self._backend.send_messages([message]):
            return Outcome.without_reply(address, Verdict.TAKEN, "")
        return Outcome.without_reply(address, Verdict.UNDECIDED, NO_ANSWER)

    def _open(self) -> None:
        try:
            self._backend.open()
        except (smtplib.SMTPException, OSError) as error:
            self._close()
            self.stopped = Unreachable(f"The mail server cannot be used: {shown(str(error))}")
            self.stopped.__cause__ = error

    def _close(self) -> None:
        with suppress(smtplib.SMTPException, OSError):
            self._backend.close()


def _outcome(error: Exception, address: str) -> Outcome:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = error.recipients.get(address) or next(iter(error.recipients.values()))
        return Outcome.of(address, _reply(code, text))
    if isinstance(error, smtplib.SMTPResponseException):
        return Outcome.of(address, _reply(error.smtp_code, error.smtp_error), is_of_message=True)
    return Outcome.without_reply(address, Verdict.UNDECIDED, shown(str(error)) or NO_ANSWER)


def _reply(code: int, text: bytes | str) -> Reply:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return Reply(code, shown(words))
