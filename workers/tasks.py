"""The bell, and what a worker does when it starts and stops: everything Celery has to know of us."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any
from uuid import uuid4

import structlog
from billiard import pool as billiard_pool
from billiard.common import REMAP_SIGTERM
from billiard.process import active_children, current_process
from celery import signals
from celery.app.task import Task
from kombu import Exchange, Queue

from celery_app import app
from jobs.broker import BELL, bell_queue
from jobs.conf import conf
from jobs.failpoints import reach
from jobs.registry import KINDS, discover
from workers.announce import Announcement, BeatAnnouncement
from workers.burial import bury
from workers.canary import CANARY, Canary, is_canary
from workers.dead import DeadChildren
from workers.deaf import Deafness
from workers.events import Events
from workers.http import WorkerHttp
from workers.inherited import drop_connections
from workers.probes import make_probes
from workers.record import Record
from workers.runner import Runner
from workers.shared import FLAGS, HEARING, Drain
from workers.timers import Timers

log = structlog.get_logger(__name__)

LAST_RESULT_TENTHS = 20
"""How many tenths of a second a child that ends waits for the main to have read its last results.

Billiard's 300 would hold a stopping worker up for 30 s: now and then the main has already stopped reading
when TERM meets the end of a bell. A bell's result says nothing, and a late acknowledgement that is lost only
brings a plain task's message again, as at-least-once promises anyway.
"""
FOR_MAIN = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
"""Signals that a whole process group may get, and that the main alone obeys: it tells its children."""
RUNNER: Runner | None = None
"""This child's runner, once it was forked."""
TIMERS: Timers | None = None
"""The timers of this main process (or of Beat)."""
PROBES: WorkerHttp | None = None
CANARY_OF_MAIN: Canary | None = None


@app.task(name=BELL, bind=True, ignore_result=True, send_events=False)
def bell(task: Task[Any, Any]) -> None:
    """There may be work in the queue this came from."""
    assert RUNNER is not None, "a bell is heard in a pool child"
    reach("bell.received")
    leave_signals_to_programs()
    sent = task.request.delivery_info or {}
    queue = str(sent["routing_key"])
    HEARING.hear(queue)
    RUNNER.hear(queue)


@app.task(name=CANARY, ignore_result=True, send_events=False)
def canary() -> None:
    """That a child began it is all there is to tell."""


@signals.task_prerun.connect
def begin_task(**kwargs: Any) -> None:
    """Also for the plain tasks of others: whatever a child does, it hears."""
    HEARING.begin()


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


@app.on_after_finalize.connect
def configure(sender: Any, **kwargs: Any) -> None:
    """Listen to all queues; refuse Celery's built-in tasks; let no bell wait behind a busy child."""
    discover()
    sender.conf.task_queues = [bell_queue(name) for name in KINDS.queues()]
    sender.conf.task_queues.append(Queue(sender.conf.task_default_queue))
    for name in [name for name in sender.tasks if name.startswith("celery.")]:
        sender.tasks.unregister(name)
    is_redis = str(sender.conf.broker_url).startswith(("redis", "valkey", "sentinel", "unix"))
    sender.conf.worker_disable_prefetch = is_redis
    bell.acks_late = canary.acks_late = not is_redis


@signals.worker_init.connect
def make_records(**kwargs: Any) -> None:
    """Before the first fork."""
    FLAGS.drain = Drain.NONE
    Record.make_folder()


@signals.celeryd_after_setup.connect
def listen_to_canary(instance: Any = None, **kwargs: Any) -> None:
    """Whatever queues the worker was given, it also hears its own canary."""
    global CANARY_OF_MAIN
    CANARY_OF_MAIN = Canary()
    app.amqp.queues.select_add(CANARY_OF_MAIN.queue)
    # Celery puts a queue without an exchange under its default one, where Redis would keep the name for ever.
    CANARY_OF_MAIN.queue.exchange = Exchange("")


@signals.worker_process_init.connect
def start_child(sender: str | None = None, **kwargs: Any) -> None:
    """In a new pool child: bury the predecessor, then be ready to hear."""
    global RUNNER
    for number in FOR_MAIN:
        signal.signal(number, signal.SIG_IGN)
    end_soon()
    drop_connections()
    HEARING.slot = getattr(current_process(), "index", 0)
    HEARING.end()
    try:
        RUNNER = make_runner(sender or "", HEARING.slot)
    except Exception:
        # Alive but deaf it would swallow bells; the pool starts another.
        log.exception("child_failed")
        threading.Event().wait(1)
        os._exit(os.EX_SOFTWARE)


def end_soon() -> None:
    """Let this child, once it ends, wait only a moment for the main to have read its results."""
    billiard_pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = LAST_RESULT_TENTHS


def make_runner(hostname: str, slot: int) -> Runner:
    """The child's runner, once its predecessor is buried."""
    holder = uuid4()
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


@signals.worker_ready.connect
def start_timers(sender: Any = None, **kwargs: Any) -> None:
    """The main process listens: announce it, and keep time. `sender` is Celery's consumer."""
    global TIMERS, PROBES
    assert CANARY_OF_MAIN is not None, "it was made when Celery set the worker up"
    slots = sender.pool.num_processes

    def look() -> None:
        dispatcher = getattr(sender, "event_dispatcher", None)
        FLAGS.has_events = bool(dispatcher is not None and dispatcher.enabled)

    CANARY_OF_MAIN.slots = slots
    deafness = Deafness(sender, CANARY_OF_MAIN, slots=slots, queues=queues_heard)
    timers = TIMERS = Timers(Announcement(sender.hostname, slots=slots, queues=queues_heard), look)
    timers.also("children", conf().gate_seconds, DeadChildren(sender.pool._pool, sender.hub).look)
    timers.also("canary", conf().gate_seconds, CANARY_OF_MAIN.look)
    timers.also("deafness", conf().sweep_seconds, lambda: deafness.look(timers.db))
    timers.start()
    PROBES = make_probes(timers, slots=slots, hearing=deafness)
    PROBES.start()
    release_first(signal.SIGQUIT)
    if REMAP_SIGTERM == "SIGQUIT":
        release_first(signal.SIGTERM)


def queues_heard() -> list[str]:
    """The queues of ours that this worker consumes now; remote control may change them."""
    plain = app.conf.task_default_queue
    return sorted(name for name in app.amqp.queues.consume_from if name != plain and not is_canary(name))


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

    def end() -> None:
        for child in active_children():
            if child.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


@signals.worker_shutting_down.connect
def drain(how: str = "Warm", **kwargs: Any) -> None:
    """TERM: finish what runs, for so long; then, and at QUIT or a second Ctrl-C, hand it back."""
    if how == "Cold":
        FLAGS.drain = Drain.RELEASE
    else:
        FLAGS.drain = max(FLAGS.drain, Drain.FINISH)
        release_after(conf().drain_seconds)
        release_first(signal.SIGINT)  # by now Celery has put its cold handler there
    if TIMERS is not None:
        TIMERS.announce_now()


@signals.worker_shutdown.connect
def stop_timers(**kwargs: Any) -> None:
    """The main process ends."""
    if PROBES is not None:
        PROBES.stop()
    if TIMERS is not None:
        TIMERS.stop()


@signals.beat_init.connect
def start_timers_of_beat(sender: Any = None, **kwargs: Any) -> None:
    """Beat keeps time too, so that due jobs move while every worker restarts; and says that it is there."""
    global TIMERS

    def tick_age() -> float | None:
        ticked = getattr(sender, "_last_tick", None)
        return None if ticked is None else time.monotonic() - ticked

    TIMERS = Timers(BeatAnnouncement(tick_age))
    TIMERS.start()
    atexit.register(TIMERS.stop)
