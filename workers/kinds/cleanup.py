"""Clean up: forget old jobs, files nobody needs, sessions and other leftovers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from jobs.registry import Result, job_kind
from workers.context import Context
from workers.leftovers import Area, areas

COUNTED = 100_000


class Payload(BaseModel, extra="forbid"):
    """Look first; delete when asked."""

    dry_run: bool = Field(
        default=True, title="Dry run", description="Only count what would go; nothing is deleted."
    )
    batch: int = Field(
        default=500, ge=1, le=10_000, title="Batch", description="How many are deleted at a time."
    )


@job_kind(
    "cleanup.run",
    title="Clean up",
    payload=Payload,
    example={"dry_run": True},
    queue="maintenance",
    timeout=timedelta(hours=1),
)
def clean(context: Context, payload: Payload) -> Result:
    """Running it twice deletes what is left. It may be cancelled between two batches."""
    every = areas()
    found = {}
    for place, area in enumerate(every):
        context.check()
        context.progress(0.1 * place / len(every), f"looking for {_words(area)}")
        found[area.name] = len(area.find(COUNTED))
    if payload.dry_run:
        return Result(values=_values(found, dry_run=True))
    total = sum(found.values())
    gone = dict.fromkeys(found, 0)
    for area in every:
        while batch := area.find(payload.batch):
            context.check()
            deleted = area.delete(batch)
            gone[area.name] += deleted
            share = min(1.0, sum(gone.values()) / total) if total else 1.0
            context.progress(0.1 + 0.9 * share, f"deleted {gone[area.name]:,} {_words(area)}")
            if not deleted:  # somebody holds them at the moment; the next cleanup finds them again
                context.log.warning("leftovers_not_deleted", area=area.name, left=len(batch))
                break
    return Result(values=_values(gone, dry_run=False))


def _values(counts: dict[str, int], *, dry_run: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"dry_run": dry_run, **counts, "total": sum(counts.values())}
    if dry_run and max(counts.values()) >= COUNTED:
        values["note"] = f"Counting stopped at {COUNTED:,}; there is more."
    elif dry_run:
        values["note"] = "Nothing was deleted. Submit it without dry run to delete this."
    return values


def _words(area: Area) -> str:
    return area.name.replace("_", " ")
