"""Celery's consumer, made so that nothing a broker says can end the worker.

Celery takes a lost connection as a reason to connect again, but an error that Redis answers with (READONLY
after a failover, MISCONF while its disk is full, OOM) as a reason to end. Here both mean: hang up, wait a
moment, connect again, for ever. What is asked for by another thread (`reset`) happens in the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from celery.worker import consumer
from celery.worker.state import maybe_shutdown
from kombu import Connection
from kombu.message import Message

from workers.channel import use_worker_channels
from workers.plain import make_plain
from workers.refusal import NO_MESSAGE, let_go, refuse
from workers.stopping import drain

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
"""The first pause before another try; each is that much longer than the last."""
LONGEST_RETRY_SECONDS = 3.0
"""kombu's own pauses grow to 30 s, which would be waited for after the broker is back."""
HEARTBEAT_SECONDS = 10.0
"""How often RabbitMQ and we say that we are there: after two of these a half-open connection is given up.
Celery's 120 would leave a worker deaf for four minutes."""


class Deaf(ConnectionError):
    """The connection looks well and brings nothing: it is replaced."""


class Consumer(consumer.Consumer):
    """What `worker_consumer` names."""

    amqheartbeat: float
    hub: Any
    conninfo: Connection
    connection_errors: tuple[type[BaseException], ...]
    channel_errors: tuple[type[BaseException], ...]
    heard_since: float | None
    """When the present connection began to bring messages (monotonic seconds); None while there is none."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # Gossip takes what anybody says of the workers for true, and ends with what is not so.
        super().__init__(*arguments, **{**options, "without_gossip": True})
        self.amqheartbeat = min(self.amqheartbeat or 0, HEARTBEAT_SECONDS)
        if self._is_redis():
            self.connection_errors += self.channel_errors
        self.heard_since: float | None = None
        self._pause = RETRY_SECONDS

    def reset(self, why: str) -> None:
        """Hang up and connect again; from any thread. Nothing happens while it is connecting."""

        def hang_up() -> None:
            raise Deaf(why)

        if self.hub is not None and self.connection is not None:
            self.hub.call_soon(hang_up)

    def close(self) -> None:
        """The worker stops, by whatever way: Celery announces neither HUP nor remote control nor an error."""
        drain()

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Message], None]:
        """What takes each message: a bell that is none ends no worker and takes no place."""
        take = super().create_task_handler(*arguments, **options)

        def take_or_refuse(message: Message) -> None:
            try:
                is_ours = make_plain(message)
            except NO_MESSAGE as error:
                self._refuse(message, error)
                return
            try:
                take(message)
            except NO_MESSAGE as error:
                if not is_ours:
                    raise
                self._refuse(message, error)

        return take_or_refuse

    def on_unknown_task(self, body: object, message: Message, exc: Exception) -> None:
        """As Celery does; where results are kept may not take what the message says, or be away."""
        try:
            super().on_unknown_task(body, message, exc)
        except Exception as error:  # noqa: BLE001 - whatever a store of results raises
            self._refuse(message, error)

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """As Celery does, which expects a body to say what it could not read."""
        try:
            super().on_decode_error(message, exc)
        except NO_MESSAGE as error:
            self._refuse(message, error)

    def _refuse(self, message: Message, error: Exception) -> None:
        refuse(error)
        let_go(message, self.connection_errors)

    def connect(self) -> Connection:
        """Each way to a running loop begins here."""
        self.heard_since = None
        return super().connect()

    def on_ready(self) -> None:
        """And ends here."""
        self.heard_since = time.monotonic()
        super().on_ready()

    def ensure_connected(self, conn: Connection) -> Connection:
        """As Celery does, with pauses that are short, and with channels of our kind."""
        if self._is_redis():
            use_worker_channels(conn)
        ensure: Any = conn.ensure_connection
        conn.ensure_connection = partial(  # type: ignore[method-assign]
            ensure,
            interval_start=RETRY_SECONDS,
            interval_step=RETRY_SECONDS,
            interval_max=LONGEST_RETRY_SECONDS,
        )
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        super().on_connection_error_before_connected(exc)
        self._wait()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        transport = getattr(self.connection, "transport", None)
        channels = list(getattr(transport, "channels", None) or []) if self._is_redis() else []
        for channel in channels:
            # Closing would read the reply to BRPOP from the broken connection, fail, and leave the rest open.
            channel._in_poll = None
        super().on_connection_error_after_connected(exc)
        for channel in channels:
            with suppress(Exception):
                channel._disconnect_pools()
                channel._close_clients()
        self._wait()

    def _is_redis(self) -> bool:
        return str(self.conninfo.transport.driver_type) == "redis"

    def _wait(self) -> None:
        """A broker that lets us in only to refuse the next word is asked again later and later."""
        if self.heard_since is not None:
            self._pause = RETRY_SECONDS
            return
        until = time.monotonic() + self._pause
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, RETRY_SECONDS))
            maybe_shutdown()
        self._pause = min(self._pause + RETRY_SECONDS, LONGEST_RETRY_SECONDS)
