"""The app that remembers."""

from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Everything about a job that would still be true if Celery were replaced."""

    name = "jobs"
    label = "millrace_jobs"
    verbose_name = "Millrace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jobs import (
            checks,  # noqa: F401 - registers them
            failpoints,
            registry,
        )
        from jobs.conf import conf

        # Every app's models are there by now, so that a kind may import any of them.
        registry.discover()
        if conf().fault_tests:
            failpoints.refuse_elsewhere()
            failpoints.arm(conf().failpoint, conf().failpoint_once)
