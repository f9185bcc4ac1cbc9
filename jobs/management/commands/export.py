"""Write jobs as JSON Lines to standard output: `export 'state:failed created:>1d' > jobs.jsonl`."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import CommandParser

from jobs.errors import BadFilter
from jobs.management.choose import Chosen, add_words, as_words, described
from jobs.management.door import Door
from jobs.management.screen import Screen
from jobs.search.count import MOST, count_up_to
from jobs.search.export import as_lines, chunks

COUNTED = 1000 * MOST


class Command(Door):
    """A hundred jobs at a time, the newest first; progress on standard error."""

    help = __doc__ or ""
    reached = 0

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv([*argv[:2], *as_words(argv[2:])])

    def add_arguments(self, parser: CommandParser) -> None:
        """Which."""
        parser.allow_abbrev = False
        add_words(parser, nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        """Every line is whole, also if somebody stops us."""
        chosen = Chosen(options["words"])
        screen = Screen(getattr(self.stderr, "_out", sys.stderr))
        total = self.total(chosen) if screen.is_terminal else None
        try:
            for chunk in chunks(chosen.jobs, of=chosen.text or "ids"):
                self.stdout.write(as_lines(chunk), ending="")
                self.reached += len(chunk)
                if screen.is_terminal:
                    many = f" of {total:,}" if total else ""
                    screen.show(
                        f"{self.reached:,}{many} jobs", min(self.reached / total, 1) if total else None
                    )
            self.stdout.flush()
        except BrokenPipeError:
            # `export | head` has enough. What Python flushes at its end would complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        finally:
            screen.close()
        self.stderr.write(described(f"{self.reached:,}"), style_func=str)

    def total(self, chosen: Chosen) -> int | None:
        """How many there are, for the bar; None if that takes longer than it is worth."""
        try:
            return count_up_to(chosen.jobs, COUNTED, of=chosen.text or "ids").number
        except BadFilter:
            return None

    def interrupted(self) -> str:
        """How far it came."""
        return f"Interrupted after {described(f'{self.reached:,}')}; every line that was written is whole."
