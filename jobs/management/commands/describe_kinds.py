"""Write the reference page of kinds, from their declarations."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from jobs.management.door import REFUSED, Door
from jobs.management.kinds_page import page
from jobs.registry import KINDS


class Command(Door):
    """To standard output; docs/reference/kinds.md is what it says of `workers`."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose."""
        parser.add_argument("apps", nargs="*", metavar="APP", help="only kinds of these apps; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 2 if no kind is left."""
        apps = options["apps"]
        kinds = [kind for kind in KINDS.listed() if not apps or kind.module.split(".kinds")[0] in apps]
        if not kinds:
            raise CommandError(f"No kind is declared in: {', '.join(apps)}.", returncode=REFUSED)
        self.stdout.write(page(kinds, apps), ending="")
