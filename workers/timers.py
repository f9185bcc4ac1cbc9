"""The timers: gate, sweep, rescue and the announcement, in a thread of every worker and of Beat.

Never as messages: work moves on while the broker has lost everything or Beat is dead. Every step is safe to
run anywhere, any number of times. A database that is away stops nothing but the step at hand. Rescue waits
for two heartbeats of unbroken contact of our own: after an outage longer than a lease everything looks
expired, and the workers that still hold those jobs must have their chance to say so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import psycopg
import structlog

from jobs import metrics
from jobs.conf import conf
from jobs.database import OwnDatabase
from jobs.lifecycle.gate import open_gate
from jobs.lifecycle.limits import Rounds
from jobs.lifecycle.rescue import rescue_expired
from jobs.lifecycle.sweep import sweep_queues
from jobs.lifecycle.turn import raise_floors
from jobs.webhooks.carry import carry_deliveries
from workers.announce import Announces
from workers.fork_gate import FORK_GATE

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 5.0


@dataclass
class Step:
    """Something done every so often."""

    name: str
    every_seconds: float
    run: Callable[[], object]
    is_contact: bool = False
    """Whether it asks the database something each time, so that its success is a sign of life."""
    due_at: float = field(default_factory=time.monotonic)


class Timers:
    """A thread that does what is due."""

    def __init__(self, announcement: Announces | None = None, look: Callable[[], None] | None = None) -> None:
        # Each statement is sent once a second: planned anew each time it would cost more than it does.
        self.db = OwnDatabase("timers", plans_seconds=conf().sweep_seconds)
        self.announcement = announcement
        self.beat_at: float | None = None
        """When the database last knew of us (monotonic seconds)."""
        self._contact_since: float | None = None
        self._opened = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        given, rounds = conf(), Rounds()
        self._steps = [
            Step("gate", given.gate_seconds, lambda: open_gate(db=self.db), is_contact=True),
            Step("limits", given.gate_seconds, lambda: rounds.turn(self.db)),
            Step("webhooks", given.gate_seconds, lambda: carry_deliveries(db=self.db)),
            Step("floors", given.sweep_seconds, lambda: raise_floors(self.db)),
            Step("sweep", given.sweep_seconds, lambda: sweep_queues(db=self.db), is_contact=True),
            Step("rescue", given.sweep_seconds, self._rescue),
            Step("metrics", given.flush_seconds, lambda: metrics.flush(self.db)),
        ]
        if announcement is not None:
            beat = partial(announcement.beat, self.db)
            self._steps.insert(0, Step("announce", given.heartbeat_seconds, beat, is_contact=True))
        if look is not None:
            self.also("look", given.gate_seconds, look)

    def also(self, name: str, every_seconds: float, run: Callable[[], object]) -> None:
        """Another step, before `start`."""
        self._steps.append(Step(name, every_seconds, run))

    def start(self) -> None:
        """Begin; once."""
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say good-bye and end, in a few seconds at most."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)

    def announce_now(self) -> None:
        """Something about the worker changed (it drains): say so at the next turn."""
        for step in self._steps:
            if step.name == "announce":
                step.due_at = 0.0

    def _run(self) -> None:
        while not self._stopping.is_set():
            with FORK_GATE:
                self.turn()
            pause = min(step.due_at for step in self._steps) - time.monotonic()
            self._stopping.wait(min(max(pause, 0.01), 1.0))
        with FORK_GATE:
            self._leave()

    def turn(self) -> None:
        """Do what is due."""
        for step in self._steps:
            now = time.monotonic()
            if now < step.due_at:
                continue
            step.due_at = now + step.every_seconds
            try:
                step.run()
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if not self.db.is_open:
                    self._contact_since = None
                    log.warning("timer_lost_database", step=step.name, error=str(error).strip())
                    return
                log.warning("timer_failed", step=step.name, error=str(error).strip())
            except Exception:
                # One step that fails must not keep the others from their work.
                log.exception("timer_failed", step=step.name)
            else:
                if step.is_contact:
                    self._keep_contact(time.monotonic())

    def _keep_contact(self, now: float) -> None:
        """The database answered. After a silence (it was frozen, or we were) contact begins anew.

        The announcement alone asks every heartbeat, so silence is two of them: a lease lasts three at least.
        """
        silent = self.beat_at is None or now - self.beat_at > 2 * conf().heartbeat_seconds
        is_new = self.db.opened != self._opened
        if self._contact_since is None or silent or is_new:
            self._contact_since = now
        self._opened = self.db.opened
        self.beat_at = now

    def _rescue(self) -> None:
        since = self._contact_since
        if since is not None and time.monotonic() - since >= 2 * conf().heartbeat_seconds:
            rescue_expired(db=self.db)

    def _leave(self) -> None:
        try:
            if self.announcement is not None:
                self.announcement.leave(self.db)
            metrics.flush(self.db)
        except psycopg.Error as error:
            log.warning("timer_lost_database", step="leave", error=str(error).strip())
        self.db.close()
