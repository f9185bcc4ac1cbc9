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

    def handle(self, *args: Any, **options: Any) -> None:
        """Print them by name."""
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
                for kind in KINDS.all()
            ]
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
            return
        rows = [[kind.name, kind.queue, kind.summary] for kind in KINDS.all()]
        self.stdout.write(table(["KIND", "QUEUE", "WHAT IT DOES"], rows))
        self.stdout.write("\n`submit KIND --help` lists a kind's fields.")
