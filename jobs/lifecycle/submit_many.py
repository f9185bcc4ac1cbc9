"""Submit many: jobs of one kind by COPY, all or none, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count, islice, repeat
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pydantic
from uuid_utils.compat import uuid7

from jobs import artifacts
from jobs.artifacts.field import artifact_fields
from jobs.database import DJANGO, Database
from jobs.failpoints import reach
from jobs.lifecycle.begin import Beginning, begin
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.payload import dump
from jobs.lifecycle.place import Place
from jobs.lifecycle.row import COLUMNS
from jobs.lifecycle.submit import record_parts, told
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
        rows = Rows(declared, begin(kind, place.queue, priority, owner.pk, run_at, db=db), owner.pk)
        before = (kind, place.queue, rows.start.state.value)
        after = (owner.pk, group.pk if group else None, door, None)
        for chunk in chunks(declared, payloads):
            has_files = any(artifact_fields(model) for model in {type(model) for _, model in chunk})
            for _, model in chunk if has_files else ():
                artifacts.check_uses(model, owner=owner, kind=kind, db=db)
            db.copy(
                COPY,
                (
                    (job, *before, *rows.waits(model), turn, priority, run_at, dump(model), *after)
                    for (job, model), turn in zip(chunk, rows.turns, strict=False)
                ),
            )
            if has_files or declared.items is not None:
                record_parts(declared, chunk, db)
            ids += [job for job, _ in chunk]
        db.after_commit(lambda: told(kind, place.queue, len(ids), is_ready=rows.is_ready))
        look_again(rows.held.values(), db=db)
        reach("submit.before_commit")
    return ids


class Rows:
    """How the jobs of one call begin, one by one."""

    def __init__(self, kind: Kind, start: Beginning, owner: int) -> None:
        self.kind = kind
        self.start = start
        self.owner = owner
        self.turns = count(start.turn, start.step) if start.step else repeat(start.turn)
        self.is_ready = False
        """Whether one of them is."""
        self.held: dict[str, str | None] = {}
        """Keys at which some wait, with the limits of one of them."""

    def waits(self, model: pydantic.BaseModel) -> tuple[bool, str | None, str | None]:
        """Whether a job is ready; if not, at which key it waits; and its limits."""
        limits = bounds_of(self.kind.limits, model, self.owner)
        ready, at, kept = self.start.ready(limits), self.start.held_by(limits), as_json(limits)
        self.is_ready = self.is_ready or ready
        if at is not None:
            self.held[at] = kept
        return ready, at, kept


def chunks(kind: Kind, payloads: Iterable[Any]) -> Iterator[list[tuple[UUID, pydantic.BaseModel]]]:
    """New ids beside valid payloads, a chunk at a time."""
    rest = iter(payloads)
    while chunk := [(uuid7(), kind.validate(payload)) for payload in islice(rest, CHUNK)]:
        yield chunk
