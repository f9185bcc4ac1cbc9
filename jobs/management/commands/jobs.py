"""List jobs, the newest first, with the reason of those that wait. By ids, or by a filter."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from jobs.labels import labels_of
from jobs.lifecycle.reasons import waiting_reasons
from jobs.management.choose import Chosen, add_words, as_words, described
from jobs.management.door import REFUSED, Door
from jobs.management.follow import outcome_of
from jobs.management.queue import known_queue
from jobs.management.span import at_least_one
from jobs.management.table import table
from jobs.models import Job
from jobs.search import count_up_to, page_of, with_field
from jobs.states import WAITING, State


class Command(Door):
    """All of them by a filter, or some by id."""

    help = __doc__ or ""

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv([*argv[:2], *as_words(argv[2:])])

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and how."""
        parser.allow_abbrev = False
        add_words(parser, nargs="*")
        parser.add_argument(
            "--state", action="append", choices=[state.value for state in State], help="may be repeated"
        )
        parser.add_argument("--kind", help="the same as kind:KIND in the filter")
        parser.add_argument("--queue")
        parser.add_argument("--owner", metavar="USER")
        parser.add_argument("--limit", type=at_least_one, default=25, help="at most this many (25)")
        parser.add_argument("--count", action="store_true", help="only how many there are, up to 10,000")
        parser.add_argument("--json", action="store_true", help="all about each")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print them."""
        chosen = Chosen([*options["words"], *from_options(options)])
        if options["count"]:
            self.stdout.write(str(count_up_to(chosen.jobs, of=chosen.text or "ids")))
            return
        size = len(chosen.ids) or options["limit"]
        page = page_of(chosen.jobs, of=chosen.text, size=size)
        if missing := set(chosen.ids) - {job.id for job in page.rows}:
            raise CommandError(f"There is no job {min(missing)}.", returncode=REFUSED)
        waiting = waiting_reasons([job.id for job in page.rows if job.state in WAITING])
        if options["json"]:
            self.stdout.write(json.dumps(as_data(page.rows, waiting), indent=2, ensure_ascii=False))
            return
        labels = labels_of(page.rows)
        rows = [
            [
                str(job.id),
                job.kind,
                job.queue,
                job.state,
                f"{job.created_at:%Y-%m-%d %H:%M:%S}",
                note(job, waiting) or labels.get(job.id, ""),
            ]
            for job in page.rows
        ]
        self.stdout.write(table(["ID", "KIND", "QUEUE", "STATE", "SUBMITTED (UTC)", "NOTE"], rows))
        if page.older:
            self.stderr.write(f"The newest {described(size)}; --limit N shows more.", style_func=str)


def from_options(options: dict[str, Any]) -> list[str]:
    """The options as words of the filter."""
    words = ["state:" + ",".join(options["state"])] if options["state"] else []
    if options["queue"]:
        known_queue(options["queue"])
    return words + [
        with_field("", name, options[name]) for name in ("kind", "queue", "owner") if options[name]
    ]


def as_data(jobs: list[Job], waiting: dict[UUID, Any]) -> list[dict[str, Any]]:
    """For programs: as `submit --wait` tells an outcome, with the queue and why it waits."""
    return [
        outcome_of(job) | {"queue": job.queue, "reason": why.reason if (why := waiting.get(job.id)) else None}
        for job in jobs
    ]


def note(job: Job, waiting: dict[UUID, Any]) -> str:
    """Why it waits, or what ended it: the first line. A running job's error is an old attempt's."""
    if job.id in waiting:
        return str(waiting[job.id].text)
    is_present = job.state in (State.FAILED, State.CANCELLED)
    return job.error.strip().splitlines()[0][:100] if job.error and is_present else ""
