"""List jobs, the newest first, with the reason of those that wait."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from jobs.lifecycle.reasons import waiting_reasons
from jobs.management.door import REFUSED, Door
from jobs.management.follow import outcome_of
from jobs.management.table import table
from jobs.models import Job
from jobs.states import WAITING, State


class Command(Door):
    """All of them by filters, or some by id."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and how."""
        parser.add_argument("ids", nargs="*", type=UUID, metavar="ID", help="only these")
        parser.add_argument(
            "--state", action="append", choices=[state.value for state in State], help="may be repeated"
        )
        parser.add_argument("--kind")
        parser.add_argument("--queue")
        parser.add_argument("--owner", metavar="USER")
        parser.add_argument("--limit", type=int, default=25, help="at most this many (25)")
        parser.add_argument("--json", action="store_true", help="all about each")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print them."""
        found = select(options)
        if missing := set(options["ids"]) - {job.id for job in found}:
            raise CommandError(f"There is no job {min(missing)}.", returncode=REFUSED)
        waiting = waiting_reasons([job.id for job in found if job.state in WAITING])
        if options["json"]:
            all_of_them = [
                {
                    **outcome_of(job),
                    "queue": job.queue,
                    "reason": why.reason if (why := waiting.get(job.id)) else None,
                }
                for job in found
            ]
            self.stdout.write(json.dumps(all_of_them, indent=2, ensure_ascii=False))
            return
        rows = [
            [
                str(job.id),
                job.kind,
                job.queue,
                job.state,
                f"{job.created_at:%Y-%m-%d %H:%M:%S}",
                note(job, waiting),
            ]
            for job in found
        ]
        self.stdout.write(table(["ID", "KIND", "QUEUE", "STATE", "SUBMITTED (UTC)", "NOTE"], rows))


def select(options: dict[str, Any]) -> list[Job]:
    """The jobs that were asked for."""
    wanted: dict[str, Any] = {
        "id__in": options["ids"],
        "state__in": options["state"],
        "kind": options["kind"],
        "queue": options["queue"],
        f"owner__{get_user_model().USERNAME_FIELD}": options["owner"],
    }
    jobs = Job.objects.filter(**{name: value for name, value in wanted.items() if value})
    return list(jobs.order_by("-id")[: len(options["ids"]) or max(options["limit"], 1)])


def note(job: Job, waiting: dict[UUID, Any]) -> str:
    """Why it waits, or what ended it: the first line. A running job's error is an old attempt's."""
    if job.id in waiting:
        return str(waiting[job.id].text)
    is_present = job.state in (State.FAILED, State.CANCELLED)
    return job.error.strip().splitlines()[0][:100] if job.error and is_present else ""
