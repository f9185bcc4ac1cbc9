"""What an act on several jobs came to: the ids it was done to, and why not the others."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from jobs.management.door import FAILED
from jobs.models import Job


def tell(command: BaseCommand, asked: Sequence[UUID], done: Sequence[UUID], why_not: str) -> None:
    """Print the ids; raise CommandError if there are none."""
    known = set(Job.objects.filter(id__in=asked).values_list("id", flat=True))
    for id in done:
        command.stdout.write(str(id))
    others = [
        f"Job {id} {why_not}." if id in known else f"There is no job {id}." for id in asked if id not in done
    ]
    if not done:
        raise CommandError(" ".join(others), returncode=FAILED)
    for sentence in others:
        command.stderr.write(sentence)
