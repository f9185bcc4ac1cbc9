"""How log lines look: events with fields, as text for people or one JSON object a line for collectors.

Everything goes to standard error through one handler: ours, Django's, Celery's, the web server's.
"""

from __future__ import annotations

import logging.config
import re
from typing import Any

import structlog

SECRET = re.compile(r"(password|passwd|secret|token|authorization|cookie|api_?key)", re.IGNORECASE)
ADDRESS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@")
HIDDEN = "***"
TAKEN_OVER = ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error", "gunicorn.access")
"""Loggers of servers that bring handlers of their own."""
BELLS_AND_CANARIES = {"millrace.bell", "millrace.canary"}
BELLS = {"celery.worker.strategy", "celery.app.trace"}
"""Where Celery says that it received and did a task."""


def configure(style: str, level: str) -> None:
    """Set structlog and the standard library up to write the same lines to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "millrace": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        drop_private,
                        *renderers(style),
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "filters": {"bells": {"()": NoBells}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "millrace"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {name: {"handlers": [], "propagate": True} for name in TAKEN_OVER}
            | {name: {"filters": ["bells"]} for name in BELLS},
        }
    )
    logging.captureWarnings(True)


def drop_private(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """What our own handlers tell each other is nobody's news."""
    return {name: value for name, value in event.items() if not name.startswith("_millrace")}


class NoBells(logging.Filter):
    """Leaves out what Celery says about each bell or canary: up to hundreds a second, and no news."""

    def filter(self, record: logging.LogRecord) -> bool:
        task = getattr(record, "data", None) or {}
        return record.levelno > logging.INFO or task.get("name") not in BELLS_AND_CANARIES


def renderers(style: str) -> list[structlog.typing.Processor]:
    """The last steps: a traceback is a field of the line for collectors, and below it for people."""
    if style == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]


def hide_secrets(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """No password in a log: neither in a field of that name nor in an address."""
    for name, value in event.items():
        if name != "event" and SECRET.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str) and "://" in value:
            event[name] = ADDRESS.sub(rf"\g<scheme>:{HIDDEN}@", value)
    return event
