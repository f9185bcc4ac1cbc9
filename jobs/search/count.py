"""How many jobs fit, as far as it is worth counting."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import QuerySet

from jobs.models import Job
from jobs.search.patience import patience

MOST = 10_000


class Count(NamedTuple):
    """`number` of them; more than that if `is_more`."""

    number: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"


def count_up_to(jobs: QuerySet[Job], most: int = MOST, *, of: str = "") -> Count:
    """Count them, and stop at `most`."""
    with patience(of or "everything"):
        found = jobs.order_by()[: most + 1].count()
    return Count(min(found, most), found > most)
