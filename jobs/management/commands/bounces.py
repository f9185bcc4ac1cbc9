"""Take in reports about mail that came back, from a Maildir or a folder of .eml files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from jobs.conf import conf
from jobs.mail.folder import read_folder
from jobs.management.door import REFUSED, Door


class Command(Door):
    """Parse, call the verb, say what came of it."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Where they are."""
        parser.add_argument("folder", nargs="?", default="", help="instead of BOUNCE_FOLDER")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reading a folder twice takes nothing twice."""
        given = options["folder"] or conf().bounce_folder
        if not given:
            raise CommandError("Name a folder, or set BOUNCE_FOLDER.", returncode=REFUSED)
        count = read_folder(Path(given))
        self.stdout.write(
            f"{count.suppressed} suppressed, {count.noted} noted, {count.nothing} without effect,"
            f" {count.known} known already, {count.refused} refused, {count.left} left."
        )
        for reason, number in count.reasons.most_common(5):
            self.stdout.write(f"  refused {number}: {reason}")
