"""Plain Celery with a list to mail, as it is usually written: one task, and Django's send_mail in a loop.

It is acknowledged late and rejected when its worker is lost, as every task of the control arm. What fails it
is an error of the mail server: it is told of that, or tries again, all from the beginning.
"""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail

from tests.faults.control.app import app, leave

AGAIN_SECONDS = 0.5


@app.task(name="control.letters", bind=True, max_retries=None)
def letters(
    self: Any, key: str, log: str, recipients: list[tuple[str, str]], port: int, is_again: bool = False
) -> None:
    """A mail to each address, with its word; then say that it is done."""
    if not settings.configured:
        settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port, EMAIL_TIMEOUT=5)
    for address, word in recipients:
        try:
            send_mail(f"Your {word}", f"There is {word} for you.", "mill@example.org", [address])
        except (SMTPException, OSError) as error:
            if not is_again:
                raise
            raise self.retry(exc=error, countdown=AGAIN_SECONDS) from error
        leave(log, key, "effect")
    leave(log, key, "done")
