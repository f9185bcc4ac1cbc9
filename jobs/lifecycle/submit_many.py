"""Submit many: jobs of one kind by COPY, all or none, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pydantic
from uuid_utils.compat import uuid7

from jobs import artifacts
from jobs.database import DJANGO, Database
from jobs.failpoints import reach
from jobs.lifecycle.begin import begin
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.payload import dump
from jobs.lifecycle.submit import COLUMNS, Place, record_parts, told
from jobs.limit import as_json, bounds_of
from jobs.registry import KINDS, Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, Group

CHUNK = 10_000
COPY = f"COPY millrace_job ({COLUMNS}) FROM STDIN"


def submit_many(
    kind: str,
    payloads: Iterable[Mapping[str, Any] | pydantic.BaseModel],
    *,
    owner: AbstractBaseUser,
    group: Group | None = None,
    queue: str | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
    door: str = "code",
    db: Database = DJANGO,
) -> list[UUID]:
    """Accept many jobs of one kind, all or none, by COPY; their ids in the order given.

    Raises like submit_job; the first bad payload refuses them all.
    """
    declared = KINDS.find(kind)
    place = Place(declared, queue, priority, run_at)
    ids: list[UUID] = []
    with db.atomic():
        start = begin(kind, place.queue, priority, owner.pk, run_at, db=db)
        before = (kind, place.queue, start.state.value)
        after = (owner.pk, group.pk if group else None, door, None)
        held: dict[str, str | None] = {}
        is_ready = False

        def row(number: int, job: UUID, model: pydantic.BaseModel) -> tuple[Any, ...]:
            limits = bounds_of(declared.limits, model, owner.pk)
            at, kept = start.held_by(limits), as_json(limits)
            nonlocal is_ready
            is_ready = is_ready or start.ready(limits)
            if at is not None:
                held[at] = kept
            turn = start.turn + number * start.step
            return (
                job, *before, start.ready(limits), at, kept, turn, priority, run_at, dump(model),
                *after,
            )  # fmt: skip

        for chunk in chunks(declared, payloads):
            for _, model in chunk:
                artifacts.check_uses(model, owner=owner, kind=kind, db=db)
            db.copy(COPY, (row(number, *each) for number, each in enumerate(chunk, start=len(ids))))
            record_parts(declared, chunk, db)
            ids += [job for job, _ in chunk]
        db.after_commit(lambda: told(kind, place.queue, len(ids), is_ready=is_ready))
        look_again(held.values(), db=db)
        reach("submit.before_commit")
    return ids


def chunks(kind: Kind, payloads: Iterable[Any]) -> Iterator[list[tuple[UUID, pydantic.BaseModel]]]:
    """New ids beside valid payloads, a chunk at a time."""
    rest = iter(payloads)
    while chunk := [(uuid7(), kind.validate(payload)) for payload in islice(rest, CHUNK)]:
        yield chunk
