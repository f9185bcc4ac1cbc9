"""What is told of a job, from a place in its story on."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from jobs.database import Database, Row
from jobs.handoff import EVENT_ID
from jobs.states import FINAL, State

JOB = """
    SELECT job.version, job.state, job.attempt, job.code, job.error, job.cancel_asked,
           progress.fraction, progress.note, progress.updated_at, progress.attempt
      FROM millrace_job AS job LEFT JOIN millrace_progress AS progress ON progress.job_id = job.id
     WHERE job.id = %(job)s
"""
LINES = """
    SELECT id, at, attempt, level, text FROM millrace_log_line
     WHERE job_id = %(job)s AND id > %(after)s ORDER BY id
"""


class Story:
    """One listener's place in the story of one job."""

    def __init__(self, job: UUID, last_id: str = "") -> None:
        found = EVENT_ID.match(last_id)
        self.job = job
        self.version = int(found[1]) if found else 0
        self.line = int(found[2]) if found else 0
        self.progress_at: Any = None
        self.is_over = False

    def read(self, db: Database) -> list[str]:
        """The events since the last time, as they are sent."""
        rows = db.rows(JOB, {"job": self.job})
        if not rows:
            self.is_over = True
            return [event("end", {"id": str(self.job), "state": "purged"})]
        row = rows[0]
        has_ended = row[1] in FINAL
        # The lines of an ended job are read after its row: none of them can be missing.
        lines = db.rows(LINES, {"job": self.job, "after": self.line})
        told = self._moved(row) if not has_ended else []
        told += [self._line(line) for line in lines] + self._progress(row)
        if has_ended:
            told += [*self._moved(row), event("end", shown(self.job, row), self.id)]
            self.is_over = True
        return told

    @property
    def id(self) -> str:
        """The place reached."""
        return f"{self.version}.{self.line}"

    def _moved(self, row: Row) -> list[str]:
        if row[0] == self.version:
            return []
        self.version = row[0]
        return [event("moved", shown(self.job, row), self.id)]

    def _line(self, line: Row) -> str:
        self.line, at, attempt, level, text = line
        found = {"id": self.line, "at": at.isoformat(), "attempt": attempt, "level": level, "text": text}
        return event("log", found, self.id)

    def _progress(self, row: Row) -> list[str]:
        fraction, note, at, attempt = row[6:]
        if row[1] != State.RUNNING or at is None or attempt != row[2] or at == self.progress_at:
            return []
        self.progress_at = at
        return [event("progress", {"attempt": attempt, "fraction": fraction, "note": note}, self.id)]


def shown(job: UUID, row: Row) -> dict[str, Any]:
    """Where the job is."""
    version, state, attempt, code, error, cancel_asked = row[:6]
    return {
        "id": str(job), "version": version, "state": state, "attempt": attempt, "code": code,
        "error": error, "cancel_asked": cancel_asked,
    }  # fmt: skip


def event(name: str, data: dict[str, Any], id: str = "") -> str:
    """One event; JSON has no line breaks of its own."""
    text = json.dumps(data, ensure_ascii=False)
    return f"event: {name}\n" + (f"id: {id}\n" if id else "") + f"data: {text}\n\n"
