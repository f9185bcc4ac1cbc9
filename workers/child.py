"""The child: a process of a worker's pool, from its fork to its end, and what it runs jobs with."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

import structlog
from billiard import pool as billiard_pool
from billiard.process import current_process
from celery import signals
from celery.app.task import Task

from jobs.broker import BELL
from jobs.conf import conf
from jobs.holder import make_holder
from workers.burial import bury
from workers.canary import CANARY
from workers.events import Events
from workers.inherited import drop_connections
from workers.record import Record
from workers.runner import Runner
from workers.shared import FOR_EVER, HEARING, WORKER

log = structlog.get_logger(__name__)

LAST_RESULT_TENTHS = 20
"""How many tenths of a second a child that ends waits for the main to have read its last results.

Billiard's 300 would hold a stopping worker up for 30 s: now and then the main has already stopped reading
when TERM meets the end of a bell. A bell's result says nothing, and a late acknowledgement that is lost only
brings a plain task's message again, as at-least-once promises anyway.
"""
PAUSE_SECONDS = 1.0
"""How long a child that cannot begin stays, so that its main does not fork all the time."""
FOR_MAIN = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
"""Signals that a whole process group may get, and that the main alone obeys: it tells its children."""
RUNNER: Runner | None = None
"""This child's runner, once it was forked."""


@signals.worker_process_init.connect
def start_child(sender: str | None = None, **kwargs: Any) -> None:
    """In a new pool child: bury the predecessor, then be ready to hear."""
    global RUNNER
    try:
        for number in FOR_MAIN:
            signal.signal(number, signal.SIG_IGN)
        end_soon()
        drop_connections()
        HEARING.slot = getattr(current_process(), "index", 0)
        HEARING.end()
        RUNNER = make_runner(sender or "", HEARING.slot)
    except Exception:
        # Alive but deaf it would swallow bells, for Celery goes on; the pool starts another.
        log.exception("child_failed")
        threading.Event().wait(PAUSE_SECONDS)
        os._exit(os.EX_SOFTWARE)


def end_soon() -> None:
    """Let this child, once it ends, wait only a moment for the main to have read its results."""
    billiard_pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = LAST_RESULT_TENTHS


def make_runner(hostname: str, slot: int) -> Runner:
    """The child's runner, once its predecessor is buried."""
    holder = make_holder(WORKER, os.getpid())
    record = Record(slot, holder)
    last = record.predecessor()
    record.open()
    runner = Runner(holder, record, Events(hostname))
    if last is not None:
        try:
            bury(last, runner.db)
        except Exception:
            runner.db.close()
            log.exception("burial_failed", job_id=str(last.job))
    runner.attempts.limits.install()
    runner.leases.on_flush.append(runner.events.flush)
    runner.leases.start()
    runner.attempts.watch.start()
    return runner


@signals.worker_process_shutdown.connect
def stop_child(**kwargs: Any) -> None:
    """A child ends well."""
    if RUNNER is not None:
        RUNNER.try_to_hand_back()
        RUNNER.leases.flush()
        RUNNER.attempts.record.close()


@signals.task_prerun.connect
def begin_task(sender: Task[Any, Any], **kwargs: Any) -> None:
    """Also for the plain tasks of others: whatever a child does, it hears.

    A child that is frozen here is seen to be: a canary takes no time, a bell a lease's at most until its
    runner says more, and only of others' tasks nobody knows how long they take.
    """
    HEARING.note()
    if sender.name != CANARY:
        HEARING.busy(conf().lease_seconds if sender.name == BELL else FOR_EVER)


@signals.task_postrun.connect
def end_task(**kwargs: Any) -> None:
    HEARING.end()


def leave_signals_to_programs() -> None:
    """Programs that a kind starts inherit SIG_IGN, but no handler.

    Not done when the child starts: billiard then spares only SIG_IGN, and with REMAP_SIGTERM not even that.
    """
    for number in FOR_MAIN:
        if signal.getsignal(number) is not hear_nothing:
            signal.signal(number, hear_nothing)


def hear_nothing(number: int, frame: FrameType | None) -> None:
    """The main tells what is to be done."""
