"""What a worker's main tells about itself: can it reach what it needs, does it hear, does it drain."""

from __future__ import annotations

import time
from typing import Protocol

from django.conf import settings

from celery_app import app
from jobs.conf import conf
from jobs.database import OwnDatabase
from workers.canary import Canary
from workers.deaf import Deafness
from workers.fork_gate import FORK_GATE
from workers.http import NotReady, WorkerHttp
from workers.shared import FLAGS, HEARING, Drain


class Heard(Protocol):
    """The timers, as far as they matter here."""

    beat_at: float | None


def make_probes(timers: Heard, *, slots: int, hearing: Deafness) -> WorkerHttp:
    """The server on WORKER_HTTP_PORT; `start()` it in the main process."""

    def beat_age() -> float:
        return float("inf") if timers.beat_at is None else time.monotonic() - timers.beat_at

    return WorkerHttp(
        getattr(settings, "WORKER_HTTP_PORT", 0),
        checks={
            "database": ask_database,
            "broker": ask_broker,
            "heartbeat": lambda: beat_age() < conf().lease_seconds,
            "canary": lambda: ask_canary(hearing.canary),
            "queues": lambda: ask_queues(hearing),
            "draining": ask_drain,
        },
        gauges=lambda: {
            "slots": slots,
            "idle_slots": HEARING.idle(slots),
            "draining": float(FLAGS.drain != Drain.NONE),
            "heartbeat_age_seconds": beat_age(),
            "silent_seconds": hearing.canary.silent_seconds,
        },
        gate=FORK_GATE,
    )


def ask_database() -> bool:
    """On a connection of its own: the timers' may be waiting."""
    db = OwnDatabase("probe")
    try:
        return bool(db.rows("SELECT 1"))
    finally:
        db.close()


def ask_broker() -> bool:
    """A new connection, made and closed; raises if there is no broker."""
    transport = app.connection_for_write().transport
    transport.close_connection(transport.establish_connection())
    return True


def ask_canary(canary: Canary) -> bool:
    """Whether a message came through to a child lately, or all of them are busy within their limits."""
    if not canary.was_heard:
        raise NotReady("nothing was heard yet")
    if canary.is_overdue:
        raise NotReady(f"nothing was heard for {canary.silent_seconds:.0f} s")
    return True


def ask_queues(hearing: Deafness) -> bool:
    """Whether no queue's ready work waits beside an idle child of ours."""
    waiting = hearing.waiting()
    if waiting:
        raise NotReady(
            "; ".join(f"{queue}: unheard for {seconds:.0f} s" for queue, seconds in sorted(waiting.items()))
        )
    return True


def ask_drain() -> bool:
    """Whether it takes new work."""
    if FLAGS.drain is not Drain.NONE:
        raise NotReady("takes no new work")
    return True
