"""One attempt: call a kind's code under its limits, and say how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

import psycopg
import structlog
from django.db import connections
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

from jobs.attempt import Claimed, Outcome
from jobs.conf import conf
from jobs.database import OwnDatabase
from jobs.errors import LeaseLost, NotYet
from jobs.registry import KINDS, Kind
from jobs.states import State
from workers.context import Context
from workers.events import Events
from workers.lease import Leases, write_notes
from workers.limits import Interrupted, Limits, Why
from workers.outcome import cancelled, failed, succeeded
from workers.record import Record
from workers.recorder import AWAY, Recorder
from workers.watch import Watch

log = structlog.get_logger(__name__)

JOB_ID: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}job_id")
ATTEMPT: ContextVar[int] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}attempt")


class LedgerAway(psycopg.OperationalError):
    """The connection under a kind's items and files broke."""


class Attempts:
    """What one worker child makes its attempts with."""

    def __init__(self, holder: UUID, db: OwnDatabase, record: Record, events: Events) -> None:
        self.holder = holder
        self.db = db
        self.record = record
        self.events = events
        self.limits = Limits()
        self.watch = Watch(self.limits)
        self.leases = Leases(holder)
        self.recorder = Recorder(holder, db, self.leases, events)

    def make(self, job: Claimed) -> Outcome | None:
        """One attempt; None if its job was handed back, or is another's by now."""
        if not self.leases.is_held(job.id):
            return None  # lost while it waited for its turn in the batch
        if self.leases.is_cancelled(job.id):
            return cancelled(job)
        started = time.monotonic()
        kind = KINDS.get(job.kind)
        with bound(job):
            self.events.started(job)
            try:
                assert kind is not None, "claimed only for kinds we know"
                outcome = self._call(kind, job)
            except LeaseLost as error:
                log.warning("attempt_stopped", reason=str(error))
                self.leases.drop([job.id])
                return None
            except NotYet as error:
                self.recorder.put_aside(job, error)
                return None
            except Interrupted as error:
                self._tidy()
                if error.why is Why.RELEASE:
                    self.recorder.release([job])
                    return None
                outcome = failed(job, kind, error)
            except LedgerAway:
                raise  # no fault of the job's: it is handed back
            except BaseException as error:  # noqa: BLE001 - a kind's SystemExit is its failure, not ours
                close_unusable()
                outcome = failed(job, kind, error)
            outcome.run_seconds = time.monotonic() - started
            tell(outcome)
        return outcome

    def rest(self) -> None:
        """Nothing runs, and what ran is recorded. Until then a job that came alone answers for our death."""
        self.record.idle()

    def _call(self, kind: Kind, job: Claimed) -> Outcome:
        """The kind's own code, its payload's and its result's included, under its limits."""
        soft = kind.timeout.total_seconds()
        hard = soft + conf().grace_seconds
        context = Context(job.id, job.attempt, self.holder, kind, job.owner, self.db)

        def work() -> Outcome:
            return succeeded(job, kind.run(context, kind.validate_json(job.payload)))

        self.record.running(job.id, job.attempt)
        self.leases.begin(context, hard_seconds=hard)
        self.watch.begin(self.limits.next_run(), context, soft_seconds=soft)
        try:
            return self.limits.run(work, hard_seconds=hard)
        except BaseException as error:
            self.recorder.discard(context.artifacts.saved)  # no outcome will show them
            if isinstance(error, AWAY) and not self.db.is_open:
                raise LedgerAway(str(error)) from error
            raise
        finally:
            self.watch.end()
            self.leases.end()
            if not job.alone:
                self.record.idle()  # of a batch only the one that runs may be charged
            context.close()
            self._write_last_notes(context)

    def _write_last_notes(self, context: Context) -> None:
        try:
            write_notes(context, self.db)
        except Exception as error:  # noqa: BLE001 - what a kind said is never worth its outcome
            self.db.close()
            log.warning("notes_lost", error=str(error).strip())

    def _tidy(self) -> None:
        """After an interruption no connection is trusted: it may be in the middle of a statement."""
        connections.close_all()
        self.db.close()


@contextmanager
def bound(job: Claimed) -> Iterator[None]:
    """Every log line in this thread of control names the job.

    By variables of our own under structlog's prefix: its `bound_contextvars` looks at all variables there
    are, and took a tenth of the time that a tiny job takes.
    """
    job_id, attempt = JOB_ID.set(str(job.id)), ATTEMPT.set(job.attempt)
    try:
        yield
    finally:
        ATTEMPT.reset(attempt)
        JOB_ID.reset(job_id)


def tell(outcome: Outcome) -> None:
    """A line in the worker's log for what is no plain success."""
    if outcome.state is State.CANCELLED:
        log.info("attempt_cancelled", kind=outcome.kind)
    elif not outcome.is_success:
        log.warning("attempt_failed", kind=outcome.kind, code=outcome.code, error=outcome.error)


def close_unusable() -> None:
    """A kind's failure may have left one of Django's connections broken."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
