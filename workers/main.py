"""The main process of a worker, and Beat's: what they keep while they run, and how they start and end."""

from __future__ import annotations

import atexit
import gc
import signal
import time
from typing import Any

from billiard.common import REMAP_SIGTERM
from celery import signals
from kombu import Exchange

from celery_app import app
from jobs.conf import conf
from workers.announce import Announcement, BeatAnnouncement
from workers.canary import Canary, is_canary
from workers.dead import DeadChildren
from workers.deaf import Deafness
from workers.http import WorkerHttp
from workers.probes import make_probes
from workers.record import Record
from workers.shared import FLAGS, Drain
from workers.stopping import drain, release_first
from workers.timers import Timers
from workers.undertaker import Undertaker

TIMERS: Timers | None = None
"""The timers of this main process (or of Beat)."""
PROBES: WorkerHttp | None = None
CANARY_OF_MAIN: Canary | None = None
UNDERTAKER: Undertaker | None = None


@signals.worker_init.connect
def make_records(**kwargs: Any) -> None:
    """Before the first fork."""
    FLAGS.drain = Drain.NONE
    Record.make_folder()
    # What is there now stays: a collector that never looks at it dirties no page that children share with us.
    gc.collect()
    gc.freeze()


@signals.celeryd_after_setup.connect
def listen_to_canary(instance: Any = None, **kwargs: Any) -> None:
    """Whatever queues the worker was given, it also hears its own canary."""
    global CANARY_OF_MAIN
    CANARY_OF_MAIN = Canary()
    app.amqp.queues.select_add(CANARY_OF_MAIN.queue)
    # Celery puts a queue without an exchange under its default one, where Redis would keep the name for ever.
    CANARY_OF_MAIN.queue.exchange = Exchange("")


@signals.worker_ready.connect
def start_timers(sender: Any = None, **kwargs: Any) -> None:
    """The main process listens: announce it, and keep time. `sender` is Celery's consumer."""
    global TIMERS, PROBES, UNDERTAKER
    assert CANARY_OF_MAIN is not None, "it was made when Celery set the worker up"
    slots = sender.pool.num_processes

    def look() -> None:
        dispatcher = getattr(sender, "event_dispatcher", None)
        FLAGS.has_events = bool(dispatcher is not None and dispatcher.enabled)

    CANARY_OF_MAIN.slots = slots
    deafness = Deafness(sender, CANARY_OF_MAIN, slots=slots, queues=queues_heard)
    timers = TIMERS = Timers(Announcement(sender.hostname, slots=slots, queues=queues_heard), look)
    timers.also("children", conf().gate_seconds, DeadChildren(sender.pool._pool, sender.hub).look)
    undertaker = UNDERTAKER = Undertaker(sender.pool._pool)
    timers.also("burials", conf().gate_seconds, lambda: undertaker.look(timers.db))
    timers.also("canary", conf().gate_seconds, CANARY_OF_MAIN.look)
    timers.also("deafness", conf().sweep_seconds, lambda: deafness.look(timers.db))
    timers.start()
    PROBES = make_probes(timers, slots=slots, hearing=deafness)
    PROBES.start()
    atexit.register(stop_timers)  # a cold shutdown tells nobody that it ends
    release_first(signal.SIGQUIT)
    if REMAP_SIGTERM == "SIGQUIT":
        release_first(signal.SIGTERM)


def queues_heard() -> list[str]:
    """The queues of ours that this worker consumes now; remote control may change them."""
    plain = app.conf.task_default_queue
    return sorted(name for name in app.amqp.queues.consume_from if name != plain and not is_canary(name))


@signals.worker_shutting_down.connect
def stop_children(how: str = "Warm", **kwargs: Any) -> None:
    """TERM: finish what runs, for so long; then, and at QUIT or a second Ctrl-C, hand it back."""
    if how == "Cold":
        FLAGS.drain = Drain.RELEASE
    else:
        drain()
        release_first(signal.SIGINT)  # by now Celery has put its cold handler there
    if TIMERS is not None:
        TIMERS.announce_now()


@signals.worker_shutdown.connect
def stop_timers(**kwargs: Any) -> None:
    """The main process ends; so have its children."""
    atexit.unregister(stop_timers)
    try:
        if UNDERTAKER is not None:
            UNDERTAKER.wait()
    finally:
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
