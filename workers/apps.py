"""The app that runs."""

from __future__ import annotations

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """What happens after the broker rings."""

    name = "workers"
    label = "millrace_workers"
    verbose_name = "Millrace workers"
