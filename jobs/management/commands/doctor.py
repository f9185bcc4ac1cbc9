"""Look at everything Millrace stands on; say what will hurt, why, and how to mend it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import Any

from django.core.management.base import CommandParser

from jobs.doctor.examine import ANSWER_SECONDS, examine
from jobs.doctor.probes import all_probes
from jobs.doctor.report import Page, as_json, exit_code
from jobs.management.colour import wants_colour
from jobs.management.door import Door


class Command(Door):
    """Exit code: 0 = ok or only warnings, 1 = problems, 2 = database or broker could not be seen."""

    help = f"{__doc__} Nothing is changed."

    def add_arguments(self, parser: CommandParser) -> None:
        """How strict, and for whom."""
        parser.add_argument("--json", action="store_true", help="for machines; docs/reference/doctor.md")
        parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings as well")
        parser.add_argument(
            "--seconds",
            type=float,
            default=ANSWER_SECONDS,
            help=f"how long each area may take to answer ({ANSWER_SECONDS:g})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print, and leave with the code."""
        begun = time.monotonic()
        areas = examine(all_probes(), seconds=options["seconds"])
        took = time.monotonic() - begun
        if options["json"]:
            told = as_json(areas, seconds=took, strict=options["strict"])
            self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
        else:
            is_coloured = wants_colour(self.stdout, forced=options["force_color"], never=options["no_color"])
            page = Page(width=shutil.get_terminal_size().columns, is_coloured=is_coloured)
            self.stdout.write("\n".join(page.lines(areas, seconds=took)))
        if code := exit_code(areas, strict=options["strict"]):
            sys.exit(code)
