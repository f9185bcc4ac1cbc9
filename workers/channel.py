"""A worker's channels to Redis: what is no message ends no worker, and a bell is not accounted for there.

kombu reads what it receives as JSON before anybody could refuse it, and the error ends Celery's main loop:
one word pushed or published by hand would end every worker that takes it. By then it is out of the list;
nothing is lost.

And it notes in Redis each message that it hands out, until that is acknowledged, to give it to another if its
worker dies (after an hour, by default). A bell that is lost costs a sweep's interval, so it is worth neither
of those two trips, which stood between a bell and its job. In this process it counts as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from typing import TYPE_CHECKING, Any

from kombu import Connection
from kombu.message import Message
from kombu.transport import virtual

from jobs.broker import BELL
from workers.canary import CANARY
from workers.refusal import NO_MESSAGE, refuse

OF_NO_ACCOUNT = frozenset({BELL, CANARY})
"""Tasks of ours that say "look here" and nothing else."""

if TYPE_CHECKING:
    from kombu.transport.redis import Channel, QoS
else:
    Channel = QoS = object


class Account(QoS):
    """A mix-in for what kombu notes of messages that are handed out: of bells in this process alone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bells: set[str] = set()

    def append(self, message: Message, delivery_tag: str) -> None:
        """It is handed out."""
        if message.headers.get("task") in OF_NO_ACCOUNT:
            self._bells.add(delivery_tag)
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """It was taken."""
        if delivery_tag in self._bells:
            self._forget(delivery_tag)
        else:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Nobody takes it; another bell will ring for what it was for."""
        if delivery_tag in self._bells:
            self._forget(delivery_tag)
        else:
            super().reject(delivery_tag, requeue)

    def _forget(self, delivery_tag: str) -> None:
        self._bells.discard(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)


class WorkerChannel(Channel):
    """A mix-in for kombu's channels to Redis."""

    def _brpop_read(self, **options: Any) -> Any:
        """As when nothing came: the loop asks for the next."""
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # the stubs leave it out
        except NO_MESSAGE as error:
            refuse(error)
            raise Empty from None

    def _receive_one(self, client: Any) -> Any:
        """What is published (remote control): as when nothing came."""
        try:
            return super()._receive_one(client)  # type: ignore[misc]  # the stubs leave it out
        except NO_MESSAGE as error:
            refuse(error)
            return False


def use_worker_channels(connection: Connection) -> None:
    """Before it is open: have its channels to Redis be of our kind, also after a switch to another server."""
    create: Callable[[], Any] = connection.create_transport

    def create_ours() -> Any:
        transport = create()
        account = type("WorkerAccount", (Account, transport.Channel.QoS), {})
        transport.Channel = type("WorkerChannel", (WorkerChannel, transport.Channel), {"QoS": account})
        return transport

    connection.create_transport = create_ours  # type: ignore[method-assign]
