"""Rerun: a new job with an old job's payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.database import DJANGO, Database
from jobs.errors import NotPossible
from jobs.idempotency import Key
from jobs.lifecycle.submit import Submitted, submit_job
from jobs.registry import KINDS, Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from jobs.models import Job


def rerun_job(
    job: Job, *, owner: AbstractBaseUser, door: str, key: Key | None = None, db: Database = DJANGO
) -> Submitted:
    """Submit the same again, as a job of its own.

    Raises NotPossible for what serves another job, and like submit_job (its uploads may be gone).
    """
    return submit_job(
        repeatable_kind(job).name, job.payload, owner=owner, group=job.group, queue=job.queue,
        priority=job.priority, key=key, door=door, rerun_of=job.id, db=db,
    )  # fmt: skip


def repeatable_kind(job: Job) -> Kind:
    """The kind of a job that may be repeated; raises UnknownKind, or NotPossible for one that is inner."""
    kind = KINDS.find(job.kind)
    if kind.is_inner:
        raise NotPossible(f"“{kind.title}” serves another job, and a copy of it would do nothing.")
    return kind
