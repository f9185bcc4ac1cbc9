"""Celery's Beat on django-celery-beat's tables, whose firing submits a job if the schedule names a kind.

The job is submitted in Beat's own process, so it needs no broker. What cannot be done now because a server is
away is tried again, never skipped; nothing that one schedule or a server does ends Beat.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import Error as DatabaseAway
from django.db import close_old_connections
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry
from kombu.exceptions import OperationalError as BrokerAway

from jobs.errors import Refusal
from jobs.registry import KINDS
from jobs.schedules.fire import Fate, fire, remember_run

log = structlog.get_logger()

AGAIN_SECONDS = 2.0
"""How long after a server was found away the firing is tried again."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Scheduler(DatabaseScheduler):
    """One firing at a time, each either done, refused for good, or tried again."""

    producer = None  # Celery's would wait for the broker before every firing, those of kinds too

    _last_timestamp: datetime | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._next: ModelEntry | None = None
        self._again = False
        self._is_set_up = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Read the schedules; with the database away, Beat starts without and reads them later."""
        try:
            super().setup_schedule()
            self._is_set_up = True
        except DatabaseAway as error:
            self._schedule: dict[str, ModelEntry] = {}
            self._away(error)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Fire at most one schedule; the seconds until the next look."""
        try:
            if not self._is_set_up:
                self.setup_schedule()
            return float(super().tick(*args, **kwargs)) if self._is_set_up else AGAIN_SECONDS
        except DatabaseAway as error:
            self._away(error)
            return AGAIN_SECONDS

    def schedule_changed(self) -> bool:
        """Whether somebody edited a schedule. Raises where Celery's own would log a page at every tick."""
        close_old_connections()
        before, self._last_timestamp = self._last_timestamp, self.Changes.last_change()
        return self._last_timestamp != before

    def reserve(self, entry: ModelEntry) -> ModelEntry:
        """The entry as it stands once this firing is done."""
        self._next = super().reserve(entry)
        return self._next

    def apply_entry(self, entry: ModelEntry, producer: Any = None) -> None:
        """Fire what is due: a kind as a job, anything else as the plain Celery task it is."""
        send = self._submit if KINDS.get(entry.task) else self._send
        self._dirty.discard(entry.name)  # saved with the firing, not by and by
        try:
            send(entry)
        except (DatabaseAway, BrokerAway) as error:
            close_old_connections()
            log.warning("schedule_postponed", schedule=entry.name, task=entry.task, error=str(error).strip())
            self._undo(entry)
        except Refusal as refusal:
            log.error("schedule_refused", schedule=entry.name, kind=entry.task, problem=str(refusal))
            self._dirty.add(entry.name)
        except Exception:
            # One schedule must not end Beat, and every other with it.
            log.exception("schedule_failed", schedule=entry.name, task=entry.task)
            self._dirty.add(entry.name)

    def _submit(self, entry: ModelEntry) -> None:
        assert self._next is not None
        now = entry.model.last_run_at
        firing = fire(entry.model.pk, entry.schedule, last=entry.last_run_at, now=now)
        self._next.last_run_at = entry.model.last_run_at = firing.last
        if firing.fate is Fate.SUBMITTED:
            log.info("schedule_fired", schedule=entry.name, kind=entry.task, job_id=str(firing.job))
        else:
            log.info("schedule_skipped", schedule=entry.name, kind=entry.task, reason=firing.fate.value)

    def _send(self, entry: ModelEntry) -> None:
        if entry.task not in self.app.tasks:
            log.warning("schedule_names_no_task", schedule=entry.name, task=entry.task)
        # Celery's own tries would hold up every other schedule while the broker is away.
        entry.options = {**entry.options, "retry": False}
        try:
            result = self.apply_async(entry, advance=False)
        except Exception as error:
            cause = error.__context__
            if isinstance(cause, BrokerAway):
                raise cause from error
            raise
        remember_run(entry.model.pk, entry.model.last_run_at)
        log.info("schedule_sent", schedule=entry.name, task=entry.task, task_id=str(result.id))

    def _undo(self, entry: ModelEntry) -> None:
        """Leave the entry due, and have it looked at again soon."""
        assert self._next is not None
        self._next.last_run_at = entry.model.last_run_at = entry.last_run_at
        self._next.total_run_count = entry.model.total_run_count = entry.total_run_count
        self._again = True

    def _when(self, entry: ModelEntry, next_time_to_run: float, *args: Any, **kwargs: Any) -> float:
        """The place in Celery's heap; after `_undo`, the one for the entry that was not done."""
        if self._again and entry is self._next:
            self._again, next_time_to_run = False, AGAIN_SECONDS
        return float(super()._when(entry, next_time_to_run, *args, **kwargs))

    def _away(self, error: Exception) -> None:
        close_old_connections()
        self._last_timestamp = LONG_AGO  # whatever changed meanwhile is read as soon as it can be
        log.warning("schedules_not_read", error=str(error).strip())
