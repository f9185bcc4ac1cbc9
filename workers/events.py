"""Celery's task events, one set per job (uuid = job id, name = kind), so that Flower lists jobs, not bells.

Sent only while somebody listens, gathered in memory and published at the end of a slice. A broker that is
away costs the events, nothing else.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import structlog
from celery.events.event import get_exchange
from kombu import Connection, Producer

from celery_app import SOCKET_SECONDS, app
from jobs.attempt import Claimed, Outcome
from jobs.states import State
from workers.shared import FLAGS
from workers.task_event import Sender

log = structlog.get_logger(__name__)

BUFFERED = 200
QUIET_SECONDS = 10.0
"""How long events are left unsent after the broker refused some."""
TRANSIENT = 1
"""AMQP's delivery mode: a broker need not keep the message over its own restart."""
SEVERAL = "task.multi"
"""The routing key of a message that holds a list of task events."""


class Events:
    """One child's."""

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname
        self._sender = Sender(hostname)
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._quiet_until = 0.0
        self._sending = threading.Lock()
        self._buffer: list[str] = []

    def started(self, job: Claimed) -> None:
        """An attempt begins."""
        if FLAGS.has_events:
            self._add(self._sender.began(str(job.id), job.kind, job.payload, job.attempt, time.time()))

    def ended(self, outcome: Outcome) -> None:
        """An outcome was kept."""
        if FLAGS.has_events:
            self._add(self._ending(outcome))

    def flush(self) -> None:
        """Publish what was gathered, in one message; the watch does it too, while a long job runs."""
        with self._sending:
            gathered, self._buffer = self._buffer, []
            if gathered and time.monotonic() > self._quiet_until:
                self._publish(gathered)

    def _ending(self, outcome: Outcome) -> str:
        uuid, now = str(outcome.job), time.time()
        match outcome.state:
            case State.SUCCEEDED:
                return self._sender.succeeded(uuid, outcome.result or "", outcome.run_seconds, now)
            case State.CANCELLED:
                return self._sender.revoked(uuid, now)
            case State.RETRYING:
                return self._sender.retried(uuid, outcome.error, outcome.trace, now)
            case _:
                return self._sender.failed(uuid, outcome.error, outcome.trace, now)

    def _add(self, event: str) -> None:
        self._buffer.append(event)
        if len(self._buffer) >= BUFFERED:
            self.flush()

    def _publish(self, events: list[str]) -> None:
        try:
            self._connected().publish(
                f"[{','.join(events)}]",
                routing_key=SEVERAL,
                headers={"hostname": self.hostname},
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=TRANSIENT,
                retry=False,
            )
        except Exception as error:  # noqa: BLE001 - whatever the client library raises, jobs go on
            self._hang_up()
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("events_lost", events=len(events), error=str(error) or type(error).__name__)

    def _connected(self) -> Producer:
        if self._producer is None:
            self._connection = app.connection_for_write(connect_timeout=SOCKET_SECONDS)
            exchange = get_exchange(self._connection, name=app.conf.event_exchange)
            self._producer = Producer(self._connection, exchange=exchange)
        return self._producer

    def _hang_up(self) -> None:
        """Close it: what is only let go keeps its sockets until the garbage is collected."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with suppress(Exception):
                connection.close()
