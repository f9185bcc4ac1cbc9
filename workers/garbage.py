"""What lies in a Redis list and is no message: refused and logged, and the worker lives.

kombu reads the list's entry as JSON before anybody could refuse it, and the error ends Celery's main loop:
one word pushed by hand would end every worker that takes it. By then it is out of the list; nothing is lost.
"""

from __future__ import annotations

from queue import Empty
from typing import TYPE_CHECKING, Any

import structlog
from kombu import Connection

log = structlog.get_logger(__name__)

NO_MESSAGE = (ValueError, TypeError, LookupError, AttributeError)
"""What reading it as JSON, and then as an envelope, ends with."""

if TYPE_CHECKING:
    from kombu.transport.redis import Channel
else:
    Channel = object


class Refusing(Channel):
    """A mix-in for kombu's channels to Redis."""

    def _brpop_read(self, **options: Any) -> Any:
        """As when nothing came: the loop asks for the next."""
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # the stubs leave it out
        except NO_MESSAGE as error:
            log.error("broker_message_refused", error=f"{type(error).__name__}: {error}", exc_info=True)
            raise Empty from None


def refuse_garbage(connection: Connection) -> None:
    """Before it is open: have its channels to Redis refuse."""
    transport: Any = connection.transport
    channel = transport.Channel
    if not issubclass(channel, Refusing):
        transport.Channel = type("RefusingChannel", (Refusing, channel), {})
