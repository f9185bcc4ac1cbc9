"""Mail through any backend of Django's (anymail's, a file, the console): they are asked as Django asks them.

A backend of somebody else's cannot say whether a message was handed over before it broke: without an answer
whoever it was for stays undecided, whatever was raised, and after a few in a row nobody else is put at risk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from django.core.mail import EmailMessage, get_connection

from jobs.errors import Failed
from workers.engines.mail.posting import Posting, unwritable
from workers.engines.mail.raised import AWAY, outcome_of, stop_of, unusable
from workers.engines.mail.redirect import redirect_for_django
from workers.engines.mail.writable import Unwritable
from workers.engines.smtp.connection import Unreachable, left_alone
from workers.engines.smtp.mailer import SENT_AWAY_IN_A_ROW, UNDECIDED_IN_A_ROW
from workers.engines.smtp.outcome import Outcome, Verdict

NO_ANSWER = "nobody said whether it was taken"


class DjangoTransport:
    """Opened with the first message, closed at the end of the block."""

    def __init__(self, redirect: str = "") -> None:
        self.redirect = redirect
        self.stopped: Failed | None = None
        self._backend = get_connection()
        self._undecided = 0
        self._sent_away = SENT_AWAY_IN_A_ROW - 1  # until somebody was answered, one is enough

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
        if not self.redirect:
            return self._given(message, posting.address)
        redirected = redirect_for_django(message, self.redirect)
        return self._given(redirected, self.redirect).instead_of(posting.address)

    def _given(self, message: EmailMessage, address: str) -> Outcome:
        try:
            is_taken = self._backend.send_messages([message])
        except Exception as error:  # noqa: BLE001 - it is about this message, not about the twenty around it
            self._close()  # whatever state it is in, the next message begins afresh
            self.stopped = stop_of(error)
            outcome = outcome_of(error, address)
            if self.stopped is None:
                return self._counted(outcome)
            if outcome.verdict is Verdict.PUT_OFF:
                # Perhaps it was about this message alone: it is charged, and another goes first.
                return outcome
            return Outcome.without_reply(address, Verdict.UNSENT, str(self.stopped))
        if is_taken:
            return self._counted(Outcome.without_reply(address, Verdict.TAKEN, ""))
        return self._counted(Outcome.without_reply(address, Verdict.UNDECIDED, NO_ANSWER))

    def _counted(self, outcome: Outcome) -> Outcome:
        """The same; so many of a sort in a row are about all mail."""
        is_away = outcome.verdict is Verdict.PUT_OFF and outcome.code == AWAY
        self._undecided = self._undecided + 1 if outcome.verdict is Verdict.UNDECIDED else 0
        self._sent_away = self._sent_away + 1 if is_away else 0
        if self._undecided >= UNDECIDED_IN_A_ROW:
            silent = "The mail server does not say whether it took the mail"
            self.stopped = stopped = Unreachable(f"{silent}: {outcome.text}")
            stopped.told = f"{silent}."
        elif self._sent_away >= SENT_AWAY_IN_A_ROW:
            self.stopped = left_alone(outcome.reply)
        return outcome

    def _open(self) -> None:
        try:
            self._backend.open()
        except Exception as error:  # noqa: BLE001 - nothing was handed over, whatever it is
            self._close()
            self.stopped = unusable(error)

    def _close(self) -> None:
        with suppress(Exception):
            self._backend.close()
