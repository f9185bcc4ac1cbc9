"""The "job moved" message: which jobs moved, and where to, told on Redis to whoever waits or watches.

It is a bell as well: who hears it looks at the row, which is right. A message that is lost costs a look. So
telling never waits and never fails: moves are gathered in memory, and a thread publishes them, at most one
message every GATHER_SECONDS. PUBLISH answers how many listen; where nobody does nothing is gathered for
QUIET_SECONDS, and where Redis is away for AWAY_SECONDS, so that a worker nobody watches does next to nothing.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from celery_app import app

log = structlog.get_logger(__name__)

PROGRESS = "progress"
"""What is told of a job that did not move: it said how far it is, or wrote a line."""
GATHER_SECONDS = 0.005
BUSY_SECONDS = 0.05
"""As long while many jobs move: to publish costs more than a tiny job does."""
BUSY = 8
"""So many moves in one message are many."""
QUIET_SECONDS = 1.0
AWAY_SECONDS = 3.0
COMPLAIN_SECONDS = 30.0
"""How often a Redis that stays away is worth a log line."""
SOCKET_SECONDS = 1.0
LAST_WORD_SECONDS = 0.3
"""How long a process that ends waits for its last message to leave."""
MOST = 20_000
"""How many moves are gathered at most while Redis takes its time; the rest costs looks."""


def tell(word: str, jobs: Iterable[UUID]) -> None:
    """Say that these jobs are in that state now (or made progress); returns at once and never fails."""
    if TELLER.is_heard:
        TELLER.add({word: list(jobs)})


def tell_each(states: Mapping[UUID, str]) -> None:
    """The same for jobs that moved to different states."""
    if TELLER.is_heard:
        words: dict[str, list[UUID]] = {}
        for job, state in states.items():
            words.setdefault(state, []).append(job)
        TELLER.add(words)


def told(text: bytes | str) -> dict[str, list[str]]:
    """The jobs of a message (`UUID.hex`) by their words; nothing for what is no message of ours."""
    try:
        found = json.loads(text)
        return {word: [job for job in jobs if isinstance(job, str)] for word, jobs in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def redis_url() -> str:
    """Where messages go: REDIS_URL, or the broker if that is Redis; empty = nowhere."""
    url = str(getattr(settings, "REDIS_URL", "") or app.conf.broker_write_url or "")
    return url if url.startswith(("redis://", "rediss://", "unix://")) else ""


def channel() -> str:
    """The name under which they go. Redis has one set of names for all its databases."""
    return f"millrace.moved.{urlsplit(redis_url()).path.strip('/') or 0}"


class Teller:
    """A thread that publishes what was gathered."""

    def __init__(self) -> None:
        self._reset()

    @property
    def is_heard(self) -> bool:
        """Whether it is worth telling: somebody listened a moment ago, or it is time to find out."""
        return time.monotonic() >= self._quiet_until

    def add(self, words: Mapping[str, list[UUID]]) -> None:
        """Gather, and wake the thread."""
        new = sum(map(len, words.values()))
        if not new:
            return
        with self._lock:
            if self._count < MOST:
                self._count += new
                for word, jobs in words.items():
                    self._gathered.setdefault(word, []).extend(jobs)
        self._wake.set()
        if self._thread is None:
            self._start()

    def flush(self, seconds: float = LAST_WORD_SECONDS) -> bool:
        """Wait until what was gathered is out, or the time is over; whether it is."""
        until = time.monotonic() + seconds
        while self._gathered or self._is_publishing:
            if time.monotonic() > until:
                return False
            self._out.wait(0.01)
        return True

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._out = threading.Event()
        self._thread: threading.Thread | None = None
        self._gathered: dict[str, list[UUID]] = {}
        self._count = 0
        self._is_publishing = False
        self._quiet_until = 0.0
        self._complained_at = float("-inf")
        self._client: Any = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._is_publishing = True
            with self._lock:
                gathered, self._gathered = self._gathered, {}
                count, self._count = self._count, 0
            if gathered:
                self._publish(gathered)
            self._is_publishing = False
            self._out.wait(BUSY_SECONDS if count >= BUSY else GATHER_SECONDS)

    def _publish(self, gathered: dict[str, list[UUID]]) -> None:
        now = time.monotonic
        if not redis_url():
            self._quiet_until = float("inf")
            return
        try:
            text = json.dumps({word: [job.hex for job in jobs] for word, jobs in gathered.items()})
            if not self._connected().publish(channel(), text):
                self._quiet_until = now() + QUIET_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever the client library raises, jobs go on
            self._client = None
            self._quiet_until = now() + AWAY_SECONDS
            if now() - self._complained_at > COMPLAIN_SECONDS:
                self._complained_at = now()
                log.warning("moves_untold", error=str(error) or type(error).__name__)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = redis.Redis.from_url(
                redis_url(),
                socket_timeout=SOCKET_SECONDS,
                socket_connect_timeout=SOCKET_SECONDS,
                retry=Retry(NoBackoff(), 1),  # a server that was restarted has hung up
            )
        return self._client


TELLER = Teller()
atexit.register(TELLER.flush)
os.register_at_fork(after_in_child=TELLER._reset)
