"""Submit a job. `submit KIND --help` lists the fields of a kind."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import transaction

from jobs import metrics
from jobs.database import DJANGO
from jobs.idempotency import Key, fingerprint, keep_answer, recall
from jobs.lifecycle.submit import Submitted, submit_job
from jobs.management.door import FAILED, TIMED_OUT, Door, find_owner
from jobs.management.follow import follow, outcome_of
from jobs.management.payload import (
    add_fields,
    asked,
    given_fields,
    place_files,
    read_payload,
    store_files,
)
from jobs.management.screen import Screen
from jobs.management.span import from_now, moment, seconds
from jobs.registry import KINDS, Kind
from jobs.states import State

EPILOG = (
    "Exit codes: 0 accepted (with --wait: succeeded), 1 failed or cancelled, 2 refused, 3 still on its way "
    "when the time was over, 4 Millrace is not running."
)


class Command(Door):
    """Parse, submit, and wait if asked to."""

    help = __doc__ or ""
    kind_asked: str | None = None
    job: UUID | None = None

    def run_from_argv(self, argv: list[str]) -> None:
        """The kind comes first, so that its fields can be options."""
        self.kind_asked = argv[2] if len(argv) > 2 and not argv[2].startswith("-") else None
        super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        """Ours, then the kind's."""
        parser.epilog = EPILOG
        parser.allow_abbrev = False
        parser.add_argument("kind", metavar="KIND", help="`manage.py kinds` lists them; it comes first")
        parser.add_argument(
            "--payload", metavar="JSON", help="the whole payload; @FILE reads it from a file, - from stdin"
        )
        parser.add_argument(
            "--file", action="append", default=[], metavar="[FIELD=]PATH", help="a file to hand in"
        )
        parser.add_argument(
            "--owner", metavar="USER", help="whose job it is; default: the service user of commands"
        )
        parser.add_argument("--queue", help="another queue than the kind's own")
        parser.add_argument("--priority", type=int, default=0, help="-100 to 100, higher goes first")
        when = parser.add_mutually_exclusive_group()
        when.add_argument(
            "--at", dest="run_at", type=moment, metavar="TIME", help="not before: 2026-12-24T18:00+01:00"
        )
        when.add_argument(
            "--in",
            dest="run_at",
            type=from_now,
            metavar="SPAN",
            help="not before: 90s, 10m, 2h or 1d from now",
        )
        parser.add_argument("--key", help="the same key again is the same job")
        parser.add_argument(
            "--wait", action="store_true", help="until it has ended; print its outcome as JSON"
        )
        parser.add_argument(
            "--timeout", type=seconds, metavar="SPAN", help="with --wait: no longer than this (90s, 10m)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON without --wait too")
        kind = KINDS.get(self.kind_asked) if self.kind_asked else None
        if kind is not None and kind.is_listed:
            add_fields(parser, kind)

    def handle(self, *args: Any, **options: Any) -> None:
        """Submit, say which job it is, and follow it if asked to."""
        kind = KINDS.find_listed(options["kind"])
        owner = find_owner(options["owner"])
        payload = read_payload(options["payload"]) if options["payload"] is not None else {}
        payload |= given_fields(kind, options)
        place_files(kind, payload, options["file"])
        submitted = submit(kind, payload, owner, options)
        with suppress(DatabaseError):
            metrics.flush(DJANGO)
        if submitted.replayed:
            self.stderr.write(
                "It was submitted before, with this key: this is that job, and nothing new.", style_func=str
            )
        if not options["wait"]:
            told = {"id": str(submitted.id), "replayed": submitted.replayed}
            self.stdout.write(json.dumps(told) if options["json"] else str(submitted.id))
            return
        self.job = submitted.id
        self.stderr.write(f"job {submitted.id}", style_func=str)
        self.wait(submitted, options["timeout"])

    def wait(self, submitted: Submitted, timeout: float | None) -> None:
        """Print the outcome; leave with the code that fits it."""
        screen = Screen(getattr(self.stderr, "_out", sys.stderr))
        job = follow(submitted.id, timeout=timeout, screen=screen)
        if job is None:
            raise CommandError(
                f"Job {submitted.id} is still on its way after {timeout:g} s; it goes on without us.",
                returncode=TIMED_OUT,
            )
        self.stdout.write(json.dumps(outcome_of(job), indent=2, ensure_ascii=False))
        if job.state != State.SUCCEEDED:
            raise CommandError(f"Job {job.id} {job.state}: {job.error or job.code}", returncode=FAILED)

    def interrupted(self) -> str:
        """What goes on."""
        if self.job is None:
            return "Interrupted before the job was accepted: nothing was submitted."
        return f"Interrupted. Job {self.job} goes on; `manage.py watch {self.job}` follows it again."


def submit(kind: Kind, payload: dict[str, Any], owner: Any, options: dict[str, Any]) -> Submitted:
    """Uploads and job in one transaction: what is refused leaves nothing behind."""
    key = Key(f"cli:{owner.pk}", options["key"]) if options["key"] else None
    print_ = fingerprint(asked(kind, payload), options["queue"], options["priority"])
    with transaction.atomic():
        if key and (known := recall(key, print_=print_, db=DJANGO)):
            return Submitted(UUID(known["job"]), replayed=True)
        submitted = submit_job(
            kind.name,
            store_files(kind, payload, owner),
            owner=owner,
            queue=options["queue"],
            priority=options["priority"],
            run_at=options["run_at"],
            door="cli",
        )
        if key:
            keep_answer(key, {"job": str(submitted.id)}, print_=print_, db=DJANGO)
        return submitted
