"""What a backend's exception says of the message it was raised for.

Django has no words for it: smtplib's exceptions carry the server's answer, those of backends that speak HTTP
(anymail's, boto's, urllib's) a status. A definite answer is believed; of all else nobody can say whether the
message had been handed over, a `ValueError` included: it may come of reading the answer.
"""

from __future__ import annotations

import smtplib
from typing import Any
from urllib.error import HTTPError

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import BadHeaderError

from jobs.errors import Failed
from jobs.mail.status import refuses_sender
from workers.engines.smtp.connection import Unreachable, left_alone, unwelcome
from workers.engines.smtp.outcome import Outcome, Reply, Verdict, shown

OF_US = frozenset({401, 402, 407})
"""The key, or the bill."""
OF_US_OR_IT = frozenset({403, 404, 405})
"""The sender, or the address of the service; or somebody in between who dislikes this one message."""
TOO_MANY = 429
AWAY = 503
NOT_HEARD = 408
"""Whoever is in between says this too, when it has heard nothing from the service."""
UNUSABLE = (
    ImproperlyConfigured, smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError,
)  # fmt: skip
UNWRITTEN = frozenset({"AnymailInvalidAddress", "AnymailSerializationError", "AnymailUnsupportedFeature"})
"""By name, for their packages need not be here: raised while a message is written, …"""
UNWANTED = frozenset({"AnymailRecipientsRefused"})
"""… and by a service that took the request and refused every recipient."""


def stop_of(error: Exception) -> Failed | None:
    """Why no more is sent, where it is about all mail of ours; else None."""
    if isinstance(error, UNUSABLE):
        return unusable(error)
    if isinstance(error, smtplib.SMTPSenderRefused) and refuses_sender(*_reply_of(error)):
        return unwelcome(error.sender, _reply_of(error))
    if _names(error) & UNWANTED:
        return None
    status = http_status(error)
    if status == TOO_MANY:
        return left_alone(Reply(status, words_of(error)))
    if status in OF_US | OF_US_OR_IT:
        stop = Unreachable(f"The mail service refuses this account, by HTTP {status}: {words_of(error)}")
        stop.told = f"The mail service refuses this account, by HTTP {status}."
        return stop
    return None


def unusable(error: Exception) -> Unreachable:
    """What it is to us that nothing can be handed over."""
    stop = Unreachable(f"The mail server cannot be used: {words_of(error)}")
    stop.told = "The mail server cannot be used."
    stop.__cause__ = error
    return stop


def outcome_of(error: Exception, address: str) -> Outcome:
    """What became of this message, where it is not about all mail."""
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        code, text = error.recipients.get(address) or next(iter(error.recipients.values()))
        return Outcome.of(address, _reply(code, text))
    if isinstance(error, smtplib.SMTPResponseException) and 400 <= error.smtp_code < 600:
        return Outcome.of(address, _reply_of(error), is_of_message=True)
    status, words = http_status(error), words_of(error)
    verdict = _verdict(error, status)
    if verdict is Verdict.PUT_OFF:
        return Outcome(address, verdict, status or 0, "", words, is_of_message=True)
    return Outcome.without_reply(address, verdict, words if status is None else f"HTTP {status}: {words}")


def http_status(error: Exception) -> int | None:
    """The status of the answer that it is about, if it was one of HTTP."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):  # boto's
        told = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    elif isinstance(error, HTTPError):
        told = error.code
    else:
        told = getattr(response, "status_code", None) or getattr(error, "status_code", None)
    return told if isinstance(told, int) else None


def words_of(error: Exception) -> str:
    """What it says, or its name."""
    try:
        said = shown(" ".join(str(error).split()))
    except Exception:  # noqa: BLE001 - it is somebody else's code too
        said = ""
    return said or type(error).__name__


def _verdict(error: Exception, status: int | None) -> Verdict:
    is_unwritten = isinstance(error, BadHeaderError | smtplib.SMTPNotSupportedError)
    if is_unwritten or _names(error) & (UNWRITTEN | UNWANTED):
        return Verdict.REFUSED
    if status == AWAY or status in OF_US_OR_IT:
        return Verdict.PUT_OFF
    if status is not None and 400 <= status < 500 and status != NOT_HEARD:
        return Verdict.REFUSED
    return Verdict.UNDECIDED


def _names(error: Exception) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}


def _reply_of(error: smtplib.SMTPResponseException) -> Reply:
    return _reply(error.smtp_code, error.smtp_error)


def _reply(code: int, text: bytes | str) -> Reply:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return Reply(code, shown(words))
