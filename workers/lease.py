"""The leases: a thread in each child that keeps alive what it holds, and learns what it lost or should stop.

Who is right when two disagree: the database. A lease the heartbeat could not renew is no longer ours, and
what the attempt brings out will be refused by finish. The thread has a connection of its own, which it opens
again after a database restart; a failed beat is repeated, never fatal. If the child dies, so does the thread,
and the leases run out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog

from jobs import log_lines, metrics, moved, progress
from jobs.conf import conf
from jobs.database import OwnDatabase
from jobs.lifecycle.renew import cancellations, renew_leases
from workers.context import Context

log = structlog.get_logger(__name__)

REPEAT_SECONDS = 1.0
"""How soon a beat that failed is repeated, or after a heartbeat if that is shorter: rescue waits for two."""
TICK_SECONDS = 0.1
"""How often the thread looks what is due while something is held."""


@dataclass
class Held:
    """A job this child holds: `ends_at` is when its hard limit and grace are over (monotonic seconds)."""

    attempt: int
    ends_at: float
    is_cancelled: bool = False


class Leases:
    """The heartbeat of one child, and its voice while a job runs."""

    def __init__(self, holder: UUID) -> None:
        self.holder = holder
        self.db = OwnDatabase("heartbeat")
        self.on_flush: list[Callable[[], None]] = []
        self._held: dict[UUID, Held] = {}
        self._context: Context | None = None
        self._lock = threading.Lock()
        self._is_busy = threading.Event()
        self._beat_at = 0.0
        self._flush_at = 0.0

    def start(self) -> None:
        """After the fork."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def hold(self, jobs: dict[UUID, int], *, seconds: float) -> None:
        """Keep these leases (job → attempt) alive, for at most that long."""
        now = time.monotonic()
        with self._lock:
            if not self._held:
                self._beat_at = now + conf().heartbeat_seconds  # the claim was the first beat
            for job, attempt in jobs.items():
                self._held[job] = Held(attempt, now + seconds)
        self._is_busy.set()

    def is_held(self, job: UUID) -> bool:
        """Whether the lease is still ours, as far as we know."""
        return job in self._held

    def is_cancelled(self, job: UUID) -> bool:
        """Whether we learned that the job should stop."""
        held = self._held.get(job)
        return held is not None and held.is_cancelled

    def begin(self, context: Context, *, hard_seconds: float) -> None:
        """A job starts: its lease ends at the latest with its hard limit, and what it says is written."""
        with self._lock:
            held = self._held.get(context.job)
            if held is not None:
                held.ends_at = time.monotonic() + hard_seconds + conf().grace_seconds
            self._context = context

    def end(self) -> None:
        """The job that ran has ended; its lease is held until its outcome is recorded."""
        self._context = None

    def drop(self, jobs: Iterable[UUID]) -> None:
        """These are recorded or handed back."""
        with self._lock:
            for job in jobs:
                self._held.pop(job, None)
            if not self._held:
                self._is_busy.clear()

    def drop_all(self) -> None:
        """Nothing is held any more."""
        self.drop(list(self._held))

    def flush(self) -> None:
        """Write what the running job said, and what was counted."""
        context = self._context
        try:
            if context is not None:
                write_notes(context, self.db)
            metrics.flush(self.db)
        except psycopg.Error as error:
            self._lost_database(error)
        for call in self.on_flush:
            call()

    def _run(self) -> None:
        while True:
            self._is_busy.wait(conf().flush_seconds)
            try:
                self.look(time.monotonic())
            except Exception:
                # The heartbeat must outlive whatever went wrong; leases that were not renewed are fenced.
                log.exception("heartbeat_failed")
            threading.Event().wait(TICK_SECONDS)

    def look(self, now: float) -> None:
        """Do what is due: beat, write, ask for cancellations."""
        if self._held and now >= self._beat_at:
            self._beat(now)
        if now >= self._flush_at:
            self._flush_at = now + conf().flush_seconds
            self.flush()
            self._look_for_cancellation()

    def _beat(self, now: float) -> None:
        with self._lock:
            held = {job: (lease.attempt, lease.ends_at - now) for job, lease in self._held.items()}
        try:
            renewed = renew_leases(held, holder=self.holder, db=self.db)
        except psycopg.Error as error:
            self._lost_database(error)
            self._beat_at = now + min(REPEAT_SECONDS, conf().heartbeat_seconds)
            return
        self._beat_at = now + conf().heartbeat_seconds
        for job in held.keys() - renewed.kept:
            attempt = held[job][0]
            with self._lock:
                is_gone = self._is_about(job, attempt)
                if is_gone:
                    del self._held[job]
            if is_gone:
                log.warning("lease_lost", job_id=str(job), attempt=attempt)
        self._tell_cancelled(job for job in renewed.cancelled if self._is_about(job, held[job][0]))

    def _is_about(self, job: UUID, attempt: int) -> bool:
        """Whether an answer about that attempt is still one about what we hold."""
        held = self._held.get(job)
        return held is not None and held.attempt == attempt

    def _look_for_cancellation(self) -> None:
        held = list(self._held)
        if not held:
            return
        try:
            self._tell_cancelled(cancellations(held, holder=self.holder, db=self.db))
        except psycopg.Error as error:
            self._lost_database(error)

    def _tell_cancelled(self, jobs: Iterable[UUID]) -> None:
        context = self._context
        for job in jobs:
            held = self._held.get(job)
            if held is not None:
                held.is_cancelled = True
            if context is not None and context.job == job:
                context.cancel()

    def _lost_database(self, error: psycopg.Error) -> None:
        self.db.close()
        log.warning("heartbeat_lost_database", error=str(error).strip())


def write_notes(context: Context, db: OwnDatabase) -> None:
    """Progress and log lines that the job has said since the last time."""
    notes = context.take_notes()
    if notes.progress is not None:
        progress.write([notes.progress], db=db)
    if notes.lines:
        log_lines.write(notes.lines, db=db)
    if notes.progress is not None or notes.lines:
        moved.tell(moved.PROGRESS, [context.job])
