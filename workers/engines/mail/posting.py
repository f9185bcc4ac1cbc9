"""A posting: a letter on its way to one recipient."""

from __future__ import annotations

from typing import NamedTuple

from workers.engines.mail.letter import Form, Recipient
from workers.engines.mail.writable import Unwritable
from workers.engines.smtp.outcome import Outcome, Verdict

UNWRITABLE = "5.6.0"


class Posting(NamedTuple):
    """A letter to one recipient."""

    form: Form
    recipient: Recipient

    @property
    def address(self) -> str:
        """Where it goes."""
        return self.recipient.mailbox.address


def unwritable(posting: Posting, error: Unwritable) -> Outcome:
    """What becomes of a letter that cannot be written for its recipient."""
    return Outcome.without_reply(posting.address, Verdict.REFUSED, str(error), status=UNWRITABLE)
