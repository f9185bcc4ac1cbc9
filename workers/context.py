"""What a kind gets to do its work with: everything about this attempt, and nothing of the job's row.

The kind runs in one thread; `take_notes` is called from the watch thread meanwhile.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from uuid import UUID

import structlog

from jobs.artifacts import Artifacts
from jobs.database import Database
from jobs.errors import Cancelled
from jobs.failpoints import reach
from jobs.items import Items, Once
from jobs.log_lines import LogRow
from jobs.mail.mailing import Mailing
from jobs.progress import ProgressRow
from jobs.registry import Kind
from jobs.text import storable
from workers.kept_log import KeptLog, make_logger, start_keeping, stop_keeping
from workers.scratch import Scratch

NOTE_CHARACTERS = 200


@dataclass(frozen=True)
class Notes:
    """What an attempt said since it was last asked."""

    progress: ProgressRow | None = None
    lines: list[LogRow] = field(default_factory=list)


class Context:
    """One attempt, seen from inside its kind. Whoever makes one closes it, in the same thread."""

    def __init__(
        self,
        job: UUID,
        attempt: int,
        holder: UUID,
        kind: Kind,
        owner: int,
        db: Database,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.job = job
        self.attempt = attempt
        self.kind = kind
        self.artifacts = Artifacts(job, owner, db)
        self.mailing = Mailing(job, attempt, owner, db)
        self.items = Items(job, attempt, holder, db, policy=kind.policy)
        self._look = is_cancelled or (lambda: False)
        self.cancelled_at = math.inf
        """When this attempt learned that cancellation was asked (monotonic seconds)."""
        self._ends_at = time.monotonic() + kind.timeout.total_seconds()
        self._scratch = Scratch()
        self._kept = KeptLog(job, attempt)
        self._lock = threading.Lock()
        self._progress: ProgressRow | None = None
        start_keeping(self._kept)

    @cached_property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A logger whose lines are kept with the job."""
        return make_logger(self._kept, self.kind.module)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked for the job to stop."""
        if self.cancelled_at == math.inf and self._look():
            self.cancel()
        return self.cancelled_at < math.inf

    def cancel(self) -> None:
        """Tell the kind, at its next check, that cancellation was asked; for the watch, safe to repeat."""
        self.cancelled_at = min(self.cancelled_at, time.monotonic())

    @property
    def seconds_left(self) -> float:
        """How long until the kind's time limit interrupts this attempt."""
        return self._ends_at - time.monotonic()

    @property
    def scratch(self) -> Path:
        """A folder for this attempt's own files; it is gone afterwards."""
        return self._scratch.folder

    def check(self) -> None:
        """Stop here if cancellation was asked; call it between steps that may be left undone."""
        if self.is_cancelled:
            raise Cancelled("Stopped at a check, because cancellation was asked.")

    def progress(self, fraction: float, note: str = "") -> None:
        """Say how far the job is, 0…1, and what it is about to do."""
        bounded = min(1.0, max(0.0, float(fraction)))
        shown = storable(note.replace("\x00", "␀"), NOTE_CHARACTERS)
        with self._lock:
            self._progress = ProgressRow(self.job, self.attempt, bounded, shown)
        reach("run.mid")

    def once(self, key: str) -> Once:
        """`with context.once("send") as do_it:` guards an effect that must not be repeated."""
        return Once(self.items, key)

    def take_notes(self) -> Notes:
        """What there is to record since the last time; each thing is handed out once."""
        progress = None
        if self._progress is not None:
            with self._lock:
                progress, self._progress = self._progress, None
        return Notes(progress, self._kept.take())

    def close(self) -> None:
        """Remove the scratch folder and stop keeping log lines; notes can still be taken."""
        stop_keeping(self._kept)
        self._scratch.remove()
