"""Messages that are none: what a broker brings and Celery cannot take is said, and let go.

Celery and kombu see to some of it; whatever else such a message raises would end the worker's main loop, and
then that of the next worker it is brought to. A limit of time that is none would be found only once a place
of the pool is reserved, which nobody gives back, so it is looked at before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import structlog
from kombu.message import Message

log = structlog.get_logger(__name__)

NO_MESSAGE = (ValueError, TypeError, LookupError, AttributeError)
"""What reading it as JSON, as an envelope, and as a task's message ends with."""

Take = Callable[[Message], object]


def refuse(error: Exception) -> None:
    """Say so."""
    log.error("broker_message_refused", error=f"{type(error).__name__}: {error}", exc_info=True)


def refusing(take: Take, connection_errors: tuple[type[BaseException], ...]) -> Take:
    """The same for messages that are none: they are let go."""

    def take_or_refuse(message: Message) -> object:
        try:
            check_limits(message)
            return take(message)
        except NO_MESSAGE as error:
            refuse(error)
            if not message.acknowledged:
                message.reject_log_error(logging.getLogger(__name__), connection_errors)
            return None

    return take_or_refuse


def check_limits(message: Message) -> None:
    """Raises ValueError where a message's limits of time are not two numbers of seconds, or none."""
    limits = message.headers.get("timelimit")
    if limits and not (isinstance(limits, list | tuple) and len(limits) == 2 and all(map(is_limit, limits))):
        raise ValueError(f"timelimit is {limits!r}, not two numbers of seconds")


def is_limit(limit: object) -> bool:
    """Whether it is a number of seconds, or none."""
    return limit is None or isinstance(limit, int | float)
