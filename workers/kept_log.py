"""A kind's log lines, kept with its job: those of `context.log` and those of every library's logger.

The lines wait here until the watch thread takes them; the newest `conf().log_lines` win.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import structlog

from jobs.conf import conf
from jobs.log_lines import LogRow
from jobs.text import storable

TEXT_CHARACTERS = 4000
# Bound by the runner to every line, and shown on the job's page anyway.
KNOWN = frozenset(
    {"event", "job_id", "attempt", "kind", "queue", "level", "logger", "timestamp", "exc_info", "stack_info"}
)
IS_KEPT = "_millrace_is_kept"


class KeptLog:
    """The lines of one attempt; any thread may add and take."""

    def __init__(self, job: UUID, attempt: int) -> None:
        self._job = job
        self._attempt = attempt
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=conf().log_lines)
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, level: str, text: str) -> None:
        """Keep one line; NUL is the one character the database cannot keep."""
        shown = storable(text.replace("\x00", "␀"), limit=len(text))
        if len(shown) > TEXT_CHARACTERS:
            shown = f"{shown[:TEXT_CHARACTERS]}… ({len(shown)} characters)"
        with self._lock:
            self._dropped += len(self._lines) == self._lines.maxlen
            self._lines.append((time.monotonic(), level, shown))

    def take(self) -> list[LogRow]:
        """The lines since the last time, and how many did not fit."""
        if not self._lines:
            return []
        with self._lock:
            lines, dropped = list(self._lines), self._dropped
            self._lines.clear()
            self._dropped = 0
        if dropped and lines:
            lines.insert(0, (lines[0][0], "warning", f"{dropped} earlier lines were not kept"))
        return [LogRow(self._job, self._attempt, *line) for line in lines]


CURRENT: ContextVar[KeptLog | None] = ContextVar("millrace_kept_log", default=None)


class KeepHandler(logging.Handler):
    """Keeps what any logger says while a kind runs in this thread of control."""

    def emit(self, record: logging.LogRecord) -> None:
        kept = CURRENT.get()
        if kept is None or (isinstance(record.msg, dict) and IS_KEPT in record.msg):
            return
        try:
            kept.add(record.levelname.lower(), _record_text(record))
        except Exception:  # noqa: BLE001 - a bad format string must not end the job
            self.handleError(record)


HANDLER = KeepHandler()


def start_keeping(kept: KeptLog) -> None:
    """From here on, lines of this thread of control go to this job."""
    # Looked for each time: whoever sets logging up anew drops the handlers of others.
    if HANDLER not in logging.root.handlers:
        logging.root.addHandler(HANDLER)
    CURRENT.set(kept)


def stop_keeping(kept: KeptLog) -> None:
    """Lines belong to no job again, unless another has begun."""
    if CURRENT.get() is kept:
        CURRENT.set(None)


def make_logger(kept: KeptLog, name: str) -> structlog.typing.FilteringBoundLogger:
    """A structlog logger whose lines are kept at every level, and go on to the process's log as usual."""

    def keep(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        level = {"warn": "warning", "exception": "error"}.get(method, method)
        kept.add(level, _event_text(event))
        event[IS_KEPT] = True
        return event

    configured = structlog.get_config()["processors"] if structlog.is_configured() else None
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[keep, *(configured or [structlog.stdlib.filter_by_level, _render_plain])],
    )
    return logger


def _render_plain(_logger: Any, _method: str, event: structlog.typing.EventDict) -> dict[str, Any]:
    """For a project that has not configured structlog: one line of text for its own handlers."""
    return {"msg": {"text": _event_text(event), IS_KEPT: True}, "exc_info": event.get("exc_info")}


def _record_text(record: logging.LogRecord) -> str:
    if isinstance(record.msg, dict):  # a line of structlog on its way to a formatter
        return _event_text(record.msg)
    text = record.getMessage()
    if record.exc_info and record.exc_info[1]:
        text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
    return text


def _event_text(event: structlog.typing.EventDict) -> str:
    fields = (f"{key}={value}" for key, value in event.items() if key not in KNOWN and key[0] != "_")
    text = " ".join([str(event.get("event", "")), *fields])
    trace = event.get("exception") or _trace(event.get("exc_info"))
    return f"{text}\n{trace}" if trace else text


def _trace(exc_info: Any) -> str:
    if exc_info is True:
        import sys

        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    return "".join(traceback.format_exception(error)).rstrip() if isinstance(error, BaseException) else ""
