"""A queue that somebody named on the command line."""

from __future__ import annotations

from difflib import get_close_matches

from django.core.management.base import CommandError

from jobs.management.door import REFUSED
from jobs.models import Job, Queue
from jobs.registry import KINDS


def known_queue(name: str) -> str:
    """The name, if a kind, a decision or a job knows it; a misspelt one would hold nothing back."""
    if (
        name in KINDS.queues()
        or Queue.objects.filter(name=name).exists()
        or Job.objects.filter(queue=name).exists()
    ):
        return name
    near = get_close_matches(name, KINDS.queues(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(KINDS.queues())}."
    raise CommandError(f"Nothing goes to a queue {name!r}.{hint}", returncode=REFUSED)
