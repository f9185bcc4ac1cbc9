"""Resume a queue that was paused."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from jobs.lifecycle.pause import resume_queue
from jobs.management.door import Door, actor
from jobs.management.queue import known_queue


class Command(Door):
    """Parse, call the verb, say so."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which."""
        parser.add_argument("queue")

    def handle(self, *args: Any, **options: Any) -> None:
        """Resuming what was not paused does no harm."""
        name = known_queue(options["queue"])
        was_paused = resume_queue(name, actor=actor())
        self.stdout.write(f"Queue {name} is open again." if was_paused else f"Queue {name} was not paused.")
