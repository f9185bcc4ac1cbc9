"""Many jobs, a few at a time: any number of them in the memory of some, and no transaction stays open."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.db.models import QuerySet

from jobs.models import Job
from jobs.search.patience import patience
from jobs.search.record import record_of

AT_ONCE = 100
MEDIA_TYPE = "application/x-ndjson"


def chunks(jobs: QuerySet[Job], *, of: str, size: int | None = None) -> Iterator[list[Job]]:
    """The jobs, the newest first, some at a time; each chunk begins after the last id of the one before.

    What is submitted meanwhile is not among them; what is purged meanwhile is left out. Raises BadFilter, as
    `page_of` does.
    """
    rows = jobs.order_by("-id").select_related("owner", "group")
    found, size = rows, size or AT_ONCE
    while True:
        with patience(of):
            chunk = list(found[:size])
        if chunk:
            yield chunk
        if len(chunk) < size:
            return
        found = rows.filter(id__lt=chunk[-1].id)


def as_lines(jobs: list[Job]) -> str:
    """Each job as one line of JSON."""
    return "".join(json.dumps(record_of(job), ensure_ascii=False) + "\n" for job in jobs)
