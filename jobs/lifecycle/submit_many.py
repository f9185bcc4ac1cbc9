"""Submit many: jobs of one kind by COPY, all or none, in the caller's transaction."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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
from jobs.lifecycle.payload import dump, runs_code
from jobs.lifecycle.place import Place
from jobs.lifecycle.row import COLUMNS
from jobs.lifecycle.submit import record_parts, told
from jobs.limit import as_json, bounds_of
from jobs.registry import KINDS, Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, Group

Chunk = list[tuple[UUID, pydantic.BaseModel]]
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
        for chunk, ahead in chunks(declared, payloads):
            has_files = any(artifact_fields(model) for model in {type(model) for _, model in chunk})
            for _, model in chunk if has_files else ():
                artifacts.check_uses(model, owner=owner, kind=kind, db=db)
            with collector_paused():
                db.copy(
                    COPY,
                    (
                        (job, *before, *rows.waits(model), turn, priority, run_at, dump(model), *after)
                        for (job, model), turn, _ in zip(chunk, rows.turns, ahead, strict=False)
                    ),
                )
            if has_files or declared.items is not None:
                record_parts(declared, chunk, db)
            ids += [job for job, _ in chunk]
        db.after_commit(lambda: told(kind, place.queue, len(ids), is_ready=rows.is_ready))
        look_again(rows.held.values(), db=db)
        reach("submit.before_commit")
    return ids


@contextmanager
def collector_paused() -> Iterator[None]:
    """For a chunk: none of it is garbage while it is written; to look for some took a quarter of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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


def chunks(kind: Kind, payloads: Iterable[Any]) -> Iterator[tuple[Chunk, Iterator[object]]]:
    """New ids beside valid payloads, a chunk at a time.

    Beside each, steps that validate the next: to be taken while the server is at this one. What asks the
    database, as reading the payloads may, is done between the two.
    """
    rest = iter(payloads)
    chunk = [valid(kind, payload) for payload in islice(rest, CHUNK)]
    while chunk:
        following = list(islice(rest, CHUNK))
        found: Chunk = []
        is_plain = not runs_code(kind.payload) and {type(each) for each in following} <= {dict, kind.payload}
        yield chunk, ahead(kind, following, found) if is_plain else repeat(None)
        chunk = found + [valid(kind, payload) for payload in following[len(found) :]]


def ahead(kind: Kind, payloads: Iterable[Any], found: Chunk) -> Iterator[object]:
    """Find one more valid at each step, for ever."""
    for payload in payloads:
        found.append(valid(kind, payload))
        yield None
    yield from repeat(None)


def valid(kind: Kind, payload: Any) -> tuple[UUID, pydantic.BaseModel]:
    """A new job's id, and its payload; raises BadPayload."""
    return uuid7(), kind.validate(payload)
