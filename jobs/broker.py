"""The bell: a message that says "there is work in this queue", and nothing else.

`ring` puts the queue's name into a set and returns; one ringer thread per process takes it out and
publishes. So ringing costs a request a microsecond, and a broker that is down, full or frozen can neither
fail nor hang one. A bell that is lost costs a sweep's interval.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from kombu import Connection, Queue

from celery_app import SOCKET_SECONDS, app
from jobs.bell import hang_bell, is_hanging
from jobs.conf import conf
from jobs.early import EarlyBell
from jobs.failpoints import reach

log = structlog.get_logger(__name__)

BELL = "millrace.bell"
"""The name of the one Celery task behind every job."""
LAST_WORD_SECONDS = 1.0
"""How long a process that ends waits for its last bells to leave."""
REDIS_SCHEMES = ("redis", "valkey", "sentinel", "unix")
REMEMBERED = 1000
"""Of how many queues it is known when they were last rung for."""
QUIET_SECONDS = 30.0
"""How often a broker that stays away is worth a log line."""

Send = Callable[[Connection], object]
"""Something the ringer does with its connection to the broker."""


def bell_queue(name: str) -> Queue:
    """The Celery queue that carries a queue's bells; RabbitMQ keeps one of them, since one is enough."""
    return Queue(name, queue_arguments={"x-max-length": 1, "x-overflow": "drop-head"})


def ring(queue: str) -> None:
    """Say that there may be work in a queue; returns at once and never fails."""
    RINGER.ring(queue)


def ring_early(queue: str, job: UUID) -> EarlyBell | None:
    """Ring for a job that is about to be committed; None in a line that is not quiet: ring after the commit.

    Whoever gets a bell says when the job was committed.
    """
    return RINGER.ring_early(queue, job)


def ring_all(queues: Iterable[str]) -> None:
    """Ring for several queues."""
    for queue in queues:
        RINGER.ring(queue)


class Ringer:
    """A thread that publishes bells: one per queue every `wake_seconds`; the last is never dropped."""

    def __init__(self) -> None:
        self._reset()

    def ring(self, queue: str) -> None:
        """Remember the queue and wake the thread; an early bell that has not left yet serves as well."""
        self._wanted.setdefault(queue, partial(publish, bell_queue(queue)))
        self._awake()

    def ring_early(self, queue: str, job: UUID) -> EarlyBell | None:
        """The same for a job that is about to be committed, where the bell would leave at once.

        In a busier line another is on its way in any case. RabbitMQ drops the older of two bells, which
        may be the early one.
        """
        quiet_for = time.monotonic() - self._rung_at.get(queue, float("-inf"))
        if quiet_for < conf().wake_seconds or not is_redis_configured():
            return None
        bell = EarlyBell(job, partial(self.ring, queue))
        send = partial(publish_early, bell_queue(queue), bell)
        if self._wanted.setdefault(queue, send) is not send:
            return None  # another is about to leave, perhaps before this commit
        self._awake()
        return bell

    def post(self, name: str, send: Send) -> None:
        """Have the thread do this soon; of several under one name, the newest."""
        self._wanted[name] = send
        self._awake()

    def _awake(self) -> None:
        self._wake.set()
        if self._thread is None:
            self._start()

    def flush(self, seconds: float = LAST_WORD_SECONDS) -> bool:
        """Wait until every bell is out, or the time is over; whether they are."""
        until = time.monotonic() + seconds
        while self._wanted or self._is_publishing:
            if time.monotonic() > until:
                return False
            self._idle.wait(0.01)
        return True

    def hang_up(self) -> None:
        """The next bell goes through a new connection."""
        self._is_stale = True

    def _reset(self) -> None:
        self._wanted: dict[str, Send] = {}  # in order, each once; single operations are atomic
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._is_stale = False
        self._is_publishing = False
        self._rung_at: dict[str, float] = {}
        self._complained_at = float("-inf")

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._wanted:
                try:
                    self._ring_all()
                except Exception:
                    # The ringer must outlive whatever went wrong: without it every bell waits for a sweep.
                    log.exception("ringer_failed")
                    threading.Event().wait(conf().wake_seconds)

    def _ring_all(self) -> None:
        self._is_publishing = True
        if len(self._rung_at) > REMEMBERED:
            self._rung_at.clear()  # queues are named by callers
        try:
            for queue in list(self._wanted):
                wait = self._rung_at.get(queue, 0.0) + conf().wake_seconds - time.monotonic()
                if wait > 0:
                    threading.Event().wait(wait)
                # Out of the set first: a ring from now on is for work this bell may come too early for.
                send = self._wanted.pop(queue)
                self._rung_at[queue] = time.monotonic()
                self._publish(queue, send)
        finally:
            self._is_publishing = False

    def _publish(self, queue: str, send: Send) -> None:
        try:
            reach("ring.before")
            send(self._connected())
            reach("ring.after")
        except Exception as error:  # noqa: BLE001 - whatever a client library raises, the sweep rings again
            self._drop_connection()
            if time.monotonic() - self._complained_at > QUIET_SECONDS:
                self._complained_at = time.monotonic()
                log.warning("bell_lost", queue=queue, error=str(error) or type(error).__name__)

    def _connected(self) -> Connection:
        if self._is_stale:
            self._is_stale = False
            self._drop_connection()
        if self._connection is None:
            # Kept before it is open, so that one that never opens is closed as well.
            self._connection = app.connection_for_write(connect_timeout=SOCKET_SECONDS)
            self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=int(SOCKET_SECONDS))
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:
                log.debug("broker_close_failed", exc_info=True)


def publish_early(queue: Queue, bell: EarlyBell, connection: Connection) -> None:
    """Put an early bell into Redis, and tell it whether it hangs there."""
    bell.hung(is_new=publish(queue, connection, new_id=bell.id))


def publish(queue: Queue, connection: Connection, *, task: str = BELL, new_id: str | None = None) -> bool:
    """Put one bell into the broker, unless one hangs there already; RabbitMQ's queue keeps one by itself.

    Whether it is known to be there anew.
    """
    channel = connection.default_channel

    def send() -> None:
        app.send_task(
            task,
            queue=queue,  # type: ignore[arg-type]  # the stubs forget that Celery takes a Queue
            producer=connection.Producer(channel=channel, auto_declare=False),
            declare=[queue] if is_to_be_declared(queue, connection) else [],
            retry=False,
            ignore_result=True,
        )

    if is_redis(connection) and task == BELL:
        return hang_bell(channel, queue.name, task, send, new_id=new_id)
    if not (is_redis(connection) and is_hanging(channel, queue.name, task)):
        send()
    return False


def is_to_be_declared(queue: Any, connection: Connection) -> bool:
    """RabbitMQ has to know a queue first; Redis only one that it is to forget in time."""
    return bool(queue.expires) or not is_redis(connection)


def is_redis(connection: Connection) -> bool:
    """Whether the broker is Redis."""
    return str(connection.transport.driver_type) == "redis"


def is_redis_configured() -> bool:
    """Whether it will be, by the address alone."""
    return str(app.conf.broker_url).startswith(REDIS_SCHEMES)


RINGER = Ringer()
atexit.register(RINGER.flush)
os.register_at_fork(after_in_child=RINGER._reset)
