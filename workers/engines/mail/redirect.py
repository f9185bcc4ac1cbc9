"""EMAIL_REDIRECT_TO: all mail goes to one mailbox, whoever it is for. The last thing that is done to a mail.

The message stays what it was, signature included; its envelope is another, and on top stands who was meant.
An address that is none stops all mail: it must not go to those whom it was to be kept from.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from jobs.conf import conf
from jobs.errors import Failed
from jobs.mail.address import read_address
from workers.engines.mail import header
from workers.engines.mail.header import Mailbox
from workers.engines.mail.letter import Message

MEANT_FOR = "X-Original-To"


class BadRedirect(Failed):
    """Nobody knows where mail may go."""


def redirect_address() -> str:
    """Where all mail goes; empty = to whom it is for. Raises BadRedirect."""
    asked = conf().email_redirect_to
    try:
        return read_address(asked) if asked else ""
    except ValueError as error:
        raise BadRedirect(f"EMAIL_REDIRECT_TO={asked!r} {error}. No mail is sent until it is.") from None


def redirected(message: Message, to: str) -> Message:
    """The same message on its way to another mailbox; raises Unwritable."""
    meant = header.mailboxes(MEANT_FOR, [Mailbox(each) for each in message.recipients])
    return message._replace(
        recipients=[to],
        pieces=[meant.encode(), *message.pieces],
        is_international=message.is_international or not to.isascii(),
    )


def redirect_for_django(message: EmailMessage, to: str) -> EmailMessage:
    """The same for a message of Django's, whoever made it: theirs stays as it is, and can be sent again."""
    sent = copy(message)
    sent.extra_headers = copy(message.extra_headers)
    for name, shown in (("To", message.to), ("Cc", message.cc)):
        if shown:
            sent.extra_headers.setdefault(name, ", ".join(map(str, shown)))
    sent.extra_headers[MEANT_FOR] = ", ".join(message.recipients())
    sent.to, sent.cc, sent.bcc = [to], [], []
    return sent


class RedirectingBackend(EmailBackend):
    """Django's SMTP, for mail that does not come from a letter of ours: a project's `send_mail`, say."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Raises BadRedirect, and whatever Django's does."""
        if to := redirect_address():
            email_messages = [redirect_for_django(message, to) for message in email_messages]
        return super().send_messages(email_messages) or 0
