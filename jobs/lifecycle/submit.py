"""Submit: a job is accepted when its row is committed, in the caller's transaction.

If we die before the commit there is no job; after it, the sweep rings if we could not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pydantic
from uuid_utils.compat import uuid7

from jobs import artifacts, items, metrics
from jobs.artifacts.field import artifact_fields
from jobs.broker import ring, ring_early
from jobs.database import DJANGO, Database
from jobs.early import EarlyBell
from jobs.failpoints import reach
from jobs.idempotency import Key, Promise, fingerprint, remember
from jobs.lifecycle.known import silent_seconds
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.payload import asked, dump
from jobs.lifecycle.place import Place
from jobs.lifecycle.row import insert_job
from jobs.limit import as_json, bounds_of
from jobs.registry import KINDS, Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, Group


class Submitted(NamedTuple):
    """The job that stands for what was asked; `replayed` if the key had asked for it before."""

    id: UUID
    replayed: bool


def submit_job(
    kind: str,
    payload: Mapping[str, Any] | pydantic.BaseModel,
    *,
    owner: AbstractBaseUser,
    group: Group | None = None,
    queue: str | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
    key: Key | None = None,
    door: str = "code",
    rerun_of: UUID | None = None,
    id: UUID | None = None,
    promise: Promise | None = None,
    own_items: Callable[[UUID], object] | None = None,
    db: Database = DJANGO,
) -> Submitted:
    """Accept one job, in the caller's transaction if there is one; ring after it commits.

    `id` is the new job's, where something of it has to be known before. `own_items` writes its items in place
    of those its payload promises. Raises UnknownKind, BadPayload,
    KeyReused, Refusal for a bad queue, priority or time, or Taken: the key of `promise` cannot be claimed.
    """
    declared = KINDS.find(kind)
    model = declared.validate(payload)
    place = Place(declared, queue, priority, run_at)
    job = id or uuid7()
    text = dump(model)
    # One statement is a transaction of its own: that saves two trips to the server.
    is_alone = not (key or declared.items or artifact_fields(type(model)) or db.is_in_transaction)
    with nullcontext() if is_alone else db.atomic():
        artifacts.check_uses(model, owner=owner, kind=kind, db=db)
        if key is not None:
            print_ = fingerprint(kind, asked(model, text, db), place.queue, priority, run_at)
            if known := remember(key, job=job, print_=print_, db=db):
                return Submitted(known, replayed=True)
        limits = as_json(bounds_of(declared.limits, model, owner.pk))
        row = {
            "id": job, "kind": kind, "queue": place.queue, "limits": limits, "priority": priority,
            "run_at": run_at, "payload": text, "owner": owner.pk, "group": group.pk if group else None,
            "door": door, "rerun_of": rerun_of, "silent": silent_seconds(),
        }  # fmt: skip
        reach("submit.before_commit")
        bell = ring_early(place.queue, job) if is_alone and limits is None and run_at is None else None
        is_ready, held_by = insert_job(row, promise, db=db)
        record_parts(declared, [(job, model)], db, has_own_items=own_items is not None)
        if own_items is not None:
            own_items(job)
        db.after_commit(lambda: told(kind, place.queue, 1, is_ready=is_ready, bell=bell))
        if held_by:
            look_again([limits], db=db)
    return Submitted(job, replayed=False)


def record_parts(
    kind: Kind, jobs: Sequence[tuple[UUID, pydantic.BaseModel]], db: Database, *, has_own_items: bool = False
) -> None:
    """What belongs to the jobs besides their rows: the uploads they use, the items they promise."""
    artifacts.record_uses(jobs, db=db)
    if has_own_items:
        return
    if kind.items is not None:
        items.declare(((job, item) for job, model in jobs for item in kind.items(model)), db=db)
    if kind.entries is not None:
        for job, model in jobs:
            items.enter(job, kind.entries(model, artifacts.opener(model, db=db)), db=db)


def told(kind: str, queue: str, count: int, *, is_ready: bool, bell: EarlyBell | None = None) -> None:
    """After the commit: count, and ring if there is something to hear and nobody has rung in time."""
    reach("submit.after_commit")
    metrics.count("submitted", kind, by=count)
    if bell is not None:
        bell.committed()
    elif is_ready and count:
        ring(queue)
