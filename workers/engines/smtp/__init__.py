"""Django's SMTP backend, which also knows whether a message was handed over without an answer.

Between the final dot and the server's reply nobody but the server knows whether it took the message. What
fails before that moment surely was not sent; what fails after it must not be sent again by guess.
"""

from __future__ import annotations

import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

END_OF_MESSAGE = b"\r\n.\r\n"
PLAIN = "django.core.mail.backends.smtp.EmailBackend"


class HandOver:
    """Added to smtplib's clients: notes when the end of a message goes out, and when it was answered."""

    is_unanswered = False

    def send(self, s: Any) -> None:
        self.is_unanswered = isinstance(s, bytes) and s.endswith(END_OF_MESSAGE)
        super().send(s)  # type: ignore[misc]

    def data(self, msg: Any) -> tuple[int, bytes]:
        answer: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]
        self.is_unanswered = False
        return answer


class Client(HandOver, smtplib.SMTP):
    """A connection that may be upgraded to TLS."""


class TlsClient(HandOver, smtplib.SMTP_SSL):
    """A connection that is TLS from the start."""


class Backend(EmailBackend):
    """The backend that Django's settings describe, with our clients."""

    @property
    def connection_class(self) -> Any:
        return TlsClient if self.use_ssl else Client


def connect() -> BaseEmailBackend:
    """A backend as configured, not yet connected; a backend of the project's own choice is respected."""
    return Backend() if settings.EMAIL_BACKEND == PLAIN else get_connection()


def is_unanswered(backend: BaseEmailBackend) -> bool:
    """Whether a message may have been taken although sending it raised. Foreign backends cannot tell."""
    if not isinstance(backend, Backend):
        return True
    return bool(getattr(backend.connection, "is_unanswered", False))
