"""Pause a queue: its jobs stay in the line, those that run go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from jobs.lifecycle.pause import pause_queue
from jobs.management.door import Door, actor
from jobs.management.queue import known_queue


class Command(Door):
    """Parse, call the verb, say so."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and why."""
        parser.add_argument("queue")
        parser.add_argument("--reason", default="", help="what everyone who waits will read")

    def handle(self, *args: Any, **options: Any) -> None:
        """Pausing twice changes the reason."""
        name = known_queue(options["queue"])
        pause_queue(name, actor=actor(), reason=options["reason"])
        self.stdout.write(f"Queue {name} is paused.")
