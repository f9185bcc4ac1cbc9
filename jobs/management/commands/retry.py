"""Queue failed or cancelled jobs again, with fresh budgets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from jobs.lifecycle.retry import retry_jobs
from jobs.management.acts import tell
from jobs.management.door import Door, actor


class Command(Door):
    """Parse, call the verb, print the ids."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which."""
        parser.add_argument("ids", nargs="+", type=UUID, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 if there was nothing to retry."""
        done = retry_jobs(options["ids"], actor=actor())
        tell(self, options["ids"], done, "neither failed nor was cancelled")
