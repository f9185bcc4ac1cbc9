"""The app that wires."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from celery.signals import setup_logging
from django.apps import AppConfig
from django.core.signals import request_started


class CoreConfig(AppConfig):
    """Settings, urls, health, the embedded system: everything an installation of our own needs."""

    name = "core"
    label = "millrace_core"
    verbose_name = "Millrace installation"

    def ready(self) -> None:
        from django.conf import settings

        from core import checks  # noqa: F401 - registers them
        from core.connections import look_at_connections

        request_started.connect(look_at_connections)
        setup_logging.connect(leave_logging_alone)
        # WhiteNoise warns about a folder that collectstatic has not made yet.
        with suppress(OSError):
            Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


def leave_logging_alone(**_: object) -> None:
    """A receiver is all Celery wants to see: core/logs.py has set logging up, LOG_LEVEL rules, not `-l`."""
