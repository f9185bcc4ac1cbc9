"""Deafness: work is ready, a child is idle, no bell comes through. Reset the connection, then the worker.

Two signs: a canary that the broker took was not heard, or the job at the head of a queue stood still and no
bell of that queue was heard, though every sweep rings it. Either must last `deaf_seconds` while a child
could have acted. A broker or a database that is away is no sign: then nothing was handed over, or nobody
was asked. After `deaf_resets` new connections that changed nothing the worker ends with EX_TEMPFAIL, and
whoever keeps it running starts it again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from celery.worker import state as celery_state

from jobs.broker import RINGER
from jobs.conf import conf
from jobs.database import Database
from jobs.registry import KINDS
from workers.canary import Canary
from workers.shared import FLAGS, HEARING, Drain
from workers.stopping import drain
from workers.undertaker import end_children

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 20.0
"""How long hanging up on a dead connection and making a new one may take: a few of the broker's limits."""
HEADS = """
    SELECT wanted.queue, head.id
      FROM unnest(%(queues)s::text[]) AS wanted (queue), LATERAL (
        SELECT id, kind FROM millrace_job AS job
         WHERE state = 'queued' AND ready AND job.queue = wanted.queue
         ORDER BY priority DESC, turn, seq LIMIT 1) AS head
     WHERE head.kind = ANY (%(kinds)s)
       AND NOT EXISTS (SELECT 1 FROM millrace_queue WHERE name = wanted.queue AND is_paused)
"""


class Hears(Protocol):
    """The consumer, as far as it matters here."""

    heard_since: float | None

    def reset(self, why: str) -> None: ...


class Still(NamedTuple):
    """The job at the head of a queue, and since when it stands there unheard (monotonic seconds)."""

    job: UUID
    since: float


class Deafness:
    """What one worker's main knows of its own."""

    def __init__(
        self,
        consumer: Hears,
        canary: Canary,
        *,
        slots: int,
        queues: Callable[[], list[str]],
        end: Callable[[], None] | None = None,
    ) -> None:
        self.consumer = consumer
        self.canary = canary
        self.slots = slots
        self.queues = queues
        self.resets = 0
        self._end = end if end is not None else self._end_worker
        self._heads: dict[str, Still] = {}
        self._reset_at = float("-inf")

    def waiting(self) -> dict[str, float]:
        """Queues whose ready work we should have heard of, and for how many seconds we did not."""
        now = time.monotonic()
        waited = {
            queue: now - max(still.since, HEARING.heard_from(queue)) for queue, still in self._heads.items()
        }
        return {queue: seconds for queue, seconds in waited.items() if seconds > conf().deaf_seconds}

    def look(self, db: Database) -> None:
        """Every sweep."""
        if FLAGS.drain is not Drain.NONE:
            return
        self._look_at_heads(db)
        why = self._why()
        if not why:
            self.resets = 0
            return
        now = time.monotonic()
        if now < self._patient_until():
            return
        self._reset_at = now
        if self.resets >= conf().deaf_resets:
            log.error("worker_deaf", why=why, resets=self.resets)
            self._end()
            return
        self.resets += 1
        log.warning("consumer_reset", why=why, resets=self.resets)
        RINGER.hang_up()
        self.consumer.reset(why)

    def _patient_until(self) -> float:
        """Each connection gets its time; one that is not made, while the broker takes canaries, some more."""
        since = self.consumer.heard_since
        if since is None or since < self._reset_at:
            return self._reset_at + CONNECT_SECONDS + conf().deaf_seconds
        return since + conf().deaf_seconds

    def _why(self) -> str:
        if self.canary.unheard_seconds > conf().deaf_seconds:
            return f"no canary was heard for {self.canary.unheard_seconds:.0f} s"
        return "; ".join(
            f"{queue} has ready work, unheard for {seconds:.0f} s"
            for queue, seconds in sorted(self.waiting().items())
        )

    def _look_at_heads(self, db: Database) -> None:
        is_away = self.consumer.heard_since is None and not self.canary.is_taken
        if is_away or not HEARING.idle(self.slots):
            self._heads.clear()
            return
        found = db.rows(HEADS, {"queues": self.queues(), "kinds": [kind.name for kind in KINDS.all()]})
        now = time.monotonic()
        known, self._heads = self._heads, {}
        for queue, job in found:
            before = known.get(queue)
            self._heads[queue] = before if before is not None and before.job == job else Still(job, now)

    def _end_worker(self) -> None:
        """As TERM does, with an exit code that asks for another try; by force if the main loop is stuck."""
        drain()
        celery_state.should_stop = os.EX_TEMPFAIL  # type: ignore[assignment]  # the stubs know the default only
        threading.Thread(target=self._see_to_the_end, name="end", daemon=True).start()

    def _see_to_the_end(self) -> None:
        given, wait = conf(), threading.Event().wait
        patient_until = time.monotonic() + given.drain_seconds + given.grace_seconds
        wait(given.grace_seconds)
        while HEARING.idle(self.slots) < self.slots and time.monotonic() < patient_until:
            wait(0.5)
        # Idle and still there: they are frozen, or nobody told them to go.
        end_children()
        wait(given.grace_seconds)
        os._exit(os.EX_TEMPFAIL)
