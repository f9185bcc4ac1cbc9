"""List what this installation can do."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from jobs.management.door import Door
from jobs.management.table import table
from jobs.registry import KINDS


class Command(Door):
    """Every kind with its queue, or all about each as JSON."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """How to print them."""
        parser.add_argument(
            "--json", action="store_true", help="all about each, with the schema of its payload"
        )
        parser.add_argument(
            "--all", action="store_true", help="also those that only code asks for, which `submit` refuses"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print them by name."""
        kinds = KINDS.all() if options["all"] else KINDS.listed()
        if options["json"]:
            found = [
                {
                    "kind": kind.name,
                    "title": kind.title,
                    "summary": kind.summary,
                    "queue": kind.queue,
                    "public": kind.public,
                    "timeout_seconds": kind.timeout.total_seconds(),
                    "attempts": kind.retry.attempts,
                    "payload": kind.payload.model_json_schema(),
                }
                for kind in kinds
            ]
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
            return
        rows = [[kind.name, kind.queue, kind.summary] for kind in kinds]
        self.stdout.write(table(["KIND", "QUEUE", "WHAT IT DOES"], rows))
        self.stdout.write("\n`submit KIND --help` lists a kind's fields.")
