"""What a broker brings and is no message: it is said, and let go.

Celery and kombu see to some of it; whatever else it makes them raise would end the worker's main loop, and
then that of the next worker to which it is brought.
"""

from __future__ import annotations

import logging

import structlog
from kombu.message import Message

log = structlog.get_logger(__name__)

NO_MESSAGE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
"""What reading it as JSON, as an envelope, and as what a task is asked for with ends with."""


def refuse(error: Exception) -> None:
    """Say so."""
    log.error("broker_message_refused", error=f"{type(error).__name__}: {error}", exc_info=True)


def let_go(message: Message, connection_errors: tuple[type[BaseException], ...]) -> None:
    """Nobody takes it again; unless that is decided already."""
    if not message.acknowledged:
        message.reject_log_error(logging.getLogger(__name__), connection_errors)
