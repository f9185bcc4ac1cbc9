"""What a worker's main tells about itself: can it reach what it needs, is it heard, does it drain."""

from __future__ import annotations

import time
from typing import Protocol

from django.conf import settings

from celery_app import app
from jobs.conf import conf
from jobs.database import OwnDatabase
from workers.fork_gate import FORK_GATE
from workers.http import WorkerHttp
from workers.shared import FLAGS, Drain


class Heard(Protocol):
    """The timers, as far as they matter here."""

    beat_at: float | None


def make_probes(timers: Heard, *, slots: int) -> WorkerHttp:
    """The server on WORKER_HTTP_PORT; `start()` it in the main process."""

    def beat_age() -> float:
        return float("inf") if timers.beat_at is None else time.monotonic() - timers.beat_at

    return WorkerHttp(
        getattr(settings, "WORKER_HTTP_PORT", 0),
        checks={
            "database": ask_database,
            "broker": ask_broker,
            "heartbeat": lambda: beat_age() < conf().lease_seconds,
        },
        gauges=lambda: {
            "slots": slots,
            "draining": float(FLAGS.drain != Drain.NONE),
            "heartbeat_age_seconds": beat_age(),
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
