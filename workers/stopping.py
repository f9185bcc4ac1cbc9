"""Stopping: how a worker's main has its children hand back what runs, before Celery waits for them."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from celery_app import app
from jobs.conf import conf
from workers.shared import FLAGS, Drain
from workers.undertaker import end_children


def release_first(number: signal.Signals) -> None:
    """Celery's cold shutdown waits for its children before it tells anybody: tell them first.

    A soft one first sleeps for worker_soft_shutdown_timeout seconds: so long they may finish.
    """
    before = signal.getsignal(number)
    if not callable(before):
        return

    def tell(signum: int, frame: FrameType | None) -> None:
        soft_seconds = app.conf.worker_soft_shutdown_timeout
        if soft_seconds > 0 and FLAGS.drain is Drain.NONE:
            FLAGS.drain = Drain.FINISH
            release_after(soft_seconds)
        else:
            release()
        before(signum, frame)

    signal.signal(number, tell)


def drain() -> None:
    """Have the children finish what runs, for so long; said twice, it changes nothing."""
    if FLAGS.drain is Drain.NONE:
        FLAGS.drain = Drain.FINISH
        release_after(conf().drain_seconds)


def release() -> None:
    """Have the children hand back what runs."""
    FLAGS.drain = Drain.RELEASE
    end_children_after(conf().grace_seconds)


def release_after(seconds: float) -> None:
    """What still runs so long after they were asked to finish is handed back: no deploy waits an hour."""
    timer = threading.Timer(seconds, release)
    timer.daemon = True
    timer.start()


def end_children_after(seconds: float) -> None:
    """A child whose kind obeys nothing would hold the main up until its hard limit."""
    timer = threading.Timer(seconds, end_children)
    timer.daemon = True
    timer.start()
