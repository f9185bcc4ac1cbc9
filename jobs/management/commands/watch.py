"""Follow jobs until they have ended: why they wait, how far they are, what they log."""

from __future__ import annotations

import json
import sys
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from jobs.management.door import FAILED, REFUSED, TIMED_OUT, Door
from jobs.management.follow import follow_all, outcome_of, sentence
from jobs.management.screen import Screen
from jobs.management.span import seconds
from jobs.models import Job
from jobs.states import State


class Command(Door):
    """Progress and log lines on standard error, how each ended on standard output."""

    help = __doc__ or ""
    ids: list[UUID] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and for how long."""
        parser.epilog = (
            "Exit codes: 0 all of them succeeded, 1 one failed or was cancelled, 2 there is no such job, "
            "3 still on their way when the time was over, 4 Millrace is not running, 130 interrupted."
        )
        parser.add_argument("ids", nargs="+", type=UUID, metavar="ID")
        parser.add_argument("--timeout", type=seconds, metavar="SPAN", help="no longer than this (90s, 10m)")
        parser.add_argument("--no-log", action="store_true", help="leave out what the jobs log")
        parser.add_argument("--json", action="store_true", help="each outcome as a line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Leave with the code that fits the worst of them."""
        self.ids = list(dict.fromkeys(options["ids"]))
        known = set(Job.objects.filter(id__in=self.ids).values_list("id", flat=True))
        if missing := [id for id in self.ids if id not in known]:
            raise CommandError(f"There is no job {missing[0]}.", returncode=REFUSED)

        def tell(job: Job) -> None:
            screen.close()
            told = json.dumps(outcome_of(job), ensure_ascii=False) if options["json"] else sentence(job)
            self.stdout.write(told)
            self.stdout.flush()

        screen = Screen(getattr(self.stderr, "_out", sys.stderr))
        ended = follow_all(
            self.ids, timeout=options["timeout"], screen=screen, tell=tell, with_log=not options["no_log"]
        )
        if failed := [job for job in ended if job.state != State.SUCCEEDED]:
            raise CommandError(f"{len(failed)} of {len(self.ids)} did not succeed.", returncode=FAILED)
        if len(ended) < len(self.ids):
            left = len(self.ids) - len(ended)
            raise CommandError(
                f"{left} of {len(self.ids)} still on the way after {options['timeout']:g} s; "
                "they go on without us.",
                returncode=TIMED_OUT,
            )

    def interrupted(self) -> str:
        """What goes on."""
        again = f"manage.py watch {' '.join(map(str, self.ids))}"
        return f"Interrupted. The jobs go on; `{again}` follows them again."
