"""Rerun: a new job with an old job's payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.database import DJANGO, Database
from jobs.idempotency import Key
from jobs.lifecycle.submit import Submitted, submit_job

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from jobs.models import Job


def rerun_job(
    job: Job, *, owner: AbstractBaseUser, door: str, key: Key | None = None, db: Database = DJANGO
) -> Submitted:
    """Submit the same again, as a job of its own; raises like submit_job (its uploads may be gone)."""
    return submit_job(
        job.kind, job.payload, owner=owner, group=job.group, queue=job.queue, priority=job.priority,
        key=key, door=door, rerun_of=job.id, db=db,
    )  # fmt: skip
