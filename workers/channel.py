"""A worker's channels to Redis: what is no message ends no worker, and a bell is not accounted for.

kombu reads a list's entry as JSON before anybody could refuse it, and the error ends Celery's main loop: one
word pushed by hand would end every worker that takes it. By then it is out of the list; nothing is lost.

And it notes in Redis each message that it hands out, until that is acknowledged, to give it to another if its
worker dies (after an hour, by default). A bell that is lost costs a sweep's interval, so it is worth neither
of those two trips, which stood between a bell and its job.
"""

from __future__ import annotations

from queue import Empty
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from kombu import Connection
from kombu.message import Message

from jobs.broker import BELL
from workers.canary import CANARY

log = structlog.get_logger(__name__)

NO_MESSAGE = (ValueError, TypeError, LookupError, AttributeError)
"""What reading it as JSON, and then as an envelope, ends with."""
OF_NO_ACCOUNT = frozenset({BELL, CANARY})
"""Tasks of ours that say "look here" and nothing else."""
UNACKNOWLEDGED = "of no account"
"""The consumer to which kombu takes such a message to have gone: one that acknowledges nothing."""

if TYPE_CHECKING:
    from kombu.transport.redis import Channel, QoS
else:
    Channel = QoS = object


class Account(QoS):
    """A mix-in for what kombu notes of messages that are handed out."""

    def append(self, message: Message, delivery_tag: str) -> None:
        """Note it, so that it can be given to another."""
        if message.headers.get("task") in OF_NO_ACCOUNT:
            message.delivery_info["consumer_tag"] = UNACKNOWLEDGED
        else:
            super().append(message, delivery_tag)


class WorkerChannel(Channel):
    """A mix-in for kombu's channels to Redis."""

    no_ack_consumers: ClassVar[set[str]] = {UNACKNOWLEDGED}  # type: ignore[misc]  # the stubs forget the class

    def _brpop_read(self, **options: Any) -> Any:
        """As when nothing came: the loop asks for the next."""
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # the stubs leave it out
        except NO_MESSAGE as error:
            log.error("broker_message_refused", error=f"{type(error).__name__}: {error}", exc_info=True)
            raise Empty from None


def use_worker_channels(connection: Connection) -> None:
    """Before it is open: have its channels to Redis be of our kind."""
    transport: Any = connection.transport
    channel = transport.Channel
    if not issubclass(channel, WorkerChannel):
        account = type("WorkerAccount", (Account, channel.QoS), {})
        transport.Channel = type("WorkerChannel", (WorkerChannel, channel), {"QoS": account})
