"""An act on several jobs: those that were named, or all that a filter finds, after a question."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q

from jobs.management.choose import Chosen, add_words, as_words, described
from jobs.management.door import FAILED, REFUSED, Door, actor
from jobs.management.screen import Screen
from jobs.management.table import table
from jobs.models import Job

AT_ONCE = 200
SHOWN = 5
Verb = Callable[..., list[UUID]]


class Act(Door):
    """A command that does something to jobs. Ids are acted on at once, a filter after a yes."""

    verb: Verb
    """Acts on these ids and returns those it acted on."""
    does, done = "", ""
    """`Cancel` and `cancelled`, in sentences."""
    fit: Q
    """To which jobs a filter is narrowed: the others could not be acted on."""
    why_not = ""
    """What is said of the others, after `Job ID`."""
    reached = 0

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv([*argv[:2], *as_words(argv[2:])])

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and how carefully."""
        parser.allow_abbrev = False
        add_words(parser, nargs="+")
        parser.add_argument("--dry-run", action="store_true", help="say which jobs it would be")
        parser.add_argument("--yes", action="store_true", help="with a filter: do not ask")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 if there was nothing to act on, 2 if there is no such job."""
        chosen = Chosen(options["words"])
        if chosen.ids:
            self.act_on_ids(chosen.ids, options)
        else:
            self.act_on_filter(chosen, options)

    def act_on_ids(self, ids: Sequence[UUID], options: dict[str, Any]) -> None:
        """Do it to these and say why not to the others."""
        known = set(Job.objects.filter(id__in=ids).values_list("id", flat=True))
        if options["dry_run"]:
            fit = set(Job.objects.filter(self.fit, id__in=ids).values_list("id", flat=True))
        else:
            fit = set(self.act(ids))
        others = {
            id: f"Job {id} {self.why_not}." if id in known else f"There is no job {id}."
            for id in ids
            if id not in fit
        }
        self.tell([id for id in ids if id in fit], list(others.values()), options)
        if not fit:
            raise CommandError(" ".join(others.values()), returncode=FAILED if known else REFUSED)
        for sentence in others.values():
            self.stderr.write(sentence)

    def act_on_filter(self, chosen: Chosen, options: dict[str, Any]) -> None:
        """Show them, ask, and do it some at a time."""
        if not chosen.text:
            raise CommandError(
                "An empty filter means every job there is. Say which; for all of them write created:<now.",
                returncode=REFUSED,
            )
        jobs = chosen.jobs.filter(self.fit)
        total = jobs.count()
        if not total:
            raise CommandError(f"No job that fits can be {self.done}: {chosen.text}", returncode=FAILED)
        if options["dry_run"]:
            self.stderr.write(f"{described(total)} would be {self.done}:", style_func=str)
            found = [id for chunk in self.ids_of(jobs) for id in chunk]
            self.tell(found, [], options)
            return
        if not options["yes"]:
            self.ask(jobs, total)
        self.tell(self.act_on_all(jobs, total), [], options)

    def act_on_all(self, jobs: Any, total: int) -> list[UUID]:
        """With a bar; each chunk is a transaction of its own."""
        screen, done = Screen(getattr(self.stderr, "_out", sys.stderr)), []
        try:
            for chunk in self.ids_of(jobs):
                done += self.act(chunk)
                self.reached = len(done)
                if screen.is_terminal:
                    screen.show(f"{len(done):,} of {total:,} {self.done}", min(len(done) / total, 1))
        finally:
            screen.close()
        return done

    def ids_of(self, jobs: Any) -> Iterator[list[UUID]]:
        """The ids, the newest first: a job that moves meanwhile is not met twice."""
        rows = jobs.order_by("-id").values_list("id", flat=True)
        chunk = list(rows[:AT_ONCE])
        while chunk:
            yield chunk
            chunk = list(rows.filter(id__lt=chunk[-1])[:AT_ONCE])

    def act(self, ids: Sequence[UUID]) -> list[UUID]:
        """Call the verb in this person's name."""
        return type(self).verb(ids, actor=actor())

    def ask(self, jobs: Any, total: int) -> None:
        """Go on only after a yes; where nobody can answer, say how to say it before."""
        if not sys.stdin.isatty():
            raise CommandError(
                f"This is about {described(total)}, and nobody can be asked here: look with --dry-run, "
                "then say --yes.",
                returncode=REFUSED,
            )
        some = jobs.order_by("-id")[:SHOWN]
        rows = [
            [str(job.id), job.kind, job.queue, job.state, f"{job.created_at:%Y-%m-%d %H:%M:%S}"]
            for job in some
        ]
        self.stderr.write(table(["ID", "KIND", "QUEUE", "STATE", "SUBMITTED (UTC)"], rows), style_func=str)
        if total > SHOWN:
            self.stderr.write(f"… and {total - SHOWN:,} more", style_func=str)
        self.stderr.write(f"{self.does} {described(f'{total:,}')}? [y/N] ", style_func=str, ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was done.", returncode=FAILED)

    def tell(self, done: Sequence[UUID], others: Sequence[str], options: dict[str, Any]) -> None:
        """The ids, one in a line, or all as an object."""
        if options["json"]:
            told = {"jobs": [str(id) for id in done], "others": list(others), "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(told, indent=2))
        elif done:
            self.stdout.write("\n".join(map(str, done)))

    def interrupted(self) -> str:
        """What became of what was asked."""
        return (
            f"Interrupted: {described(f'{self.reached:,}')} {self.done} so far; the others are as they were."
        )
