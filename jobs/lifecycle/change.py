"""Change: another payload, queue, priority or time for a job that has not started.

Who is right when two disagree: the row, read under its lock. A claim passes over a locked row, so either it
comes first and the job has started, or it finds the job as it was changed. If we die on any line before the
commit nothing was changed; after it, the sweep rings if we could not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import pydantic

from jobs import artifacts, events, items, moved
from jobs.broker import ring
from jobs.database import DJANGO, Database
from jobs.errors import ChangedMeanwhile, NotFound, NotPossible
from jobs.lifecycle.known import passes, silent_seconds, stands_at
from jobs.lifecycle.limits import look_again
from jobs.lifecycle.payload import dump
from jobs.lifecycle.place import check_place
from jobs.lifecycle.submit import record_parts
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.lifecycle.turn import in_turn
from jobs.limit import as_json, bounds_of
from jobs.models import Job
from jobs.registry import KINDS
from jobs.states import State

READ = """
    SELECT state, attempt, version, queue, priority, run_at, payload::text, limits::text
      FROM millrace_job WHERE id = %(id)s FOR UPDATE
"""
LINE = in_turn(
    """
    SELECT id, %(queue)s::text AS queue, %(priority)s::smallint AS priority, owner_id, seq
      FROM millrace_job WHERE id = %(id)s FOR UPDATE""",
    order="each.seq",
)
# What stays in its line under its limits keeps what the gate said of it: a slot that it has, its turn.
STAYS = """(job.state = 'queued' AND picked.is_due AND job.queue = picked.queue
            AND job.limits IS NOT DISTINCT FROM picked.limits)"""
CHANGE = Move(
    leaves={State.SCHEDULED, State.QUEUED},
    leads_to={State.SCHEDULED, State.QUEUED},
    picked=f"""
        SELECT line.id, line.turn, wanted.*, coalesce(wanted.run_at <= clock_timestamp(), true) AS is_due
          FROM ({LINE}) AS line,
               (SELECT %(kind)s::text AS kind, %(queue)s::text AS queue, %(priority)s::smallint AS priority,
                       %(limits)s::jsonb AS limits,
                       CASE WHEN %(at_once)s THEN clock_timestamp() ELSE %(run_at)s::timestamptz END
                       AS run_at) AS wanted""",  # noqa: S608 - constants of ours
    to="CASE WHEN picked.is_due THEN 'queued' ELSE 'scheduled' END",
    sets=f"""
        queue = picked.queue, priority = picked.priority, run_at = picked.run_at, limits = picked.limits,
        payload = %(payload)s::jsonb,
        ready = CASE WHEN {STAYS} THEN job.ready ELSE picked.is_due AND {passes("picked")} END,
        held_by = CASE WHEN {STAYS} THEN job.held_by WHEN picked.is_due THEN {stands_at("picked")} END,
        turn = CASE WHEN {STAYS} AND job.priority = picked.priority THEN job.turn
                    WHEN picked.is_due THEN picked.turn ELSE 0 END""",
    guard="job.attempt = 0 AND job.version = %(version)s",
    returning="job.state, job.ready",
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What shall be otherwise; what is None stays as it is. `at_once` takes a time away."""

    payload: Mapping[str, Any] | pydantic.BaseModel | None = None
    queue: str | None = None
    priority: int | None = None
    run_at: datetime | None = None
    at_once: bool = False


class Row(NamedTuple):
    """The job under its lock."""

    state: str
    attempt: int
    version: int
    queue: str
    priority: int
    run_at: datetime | None
    payload: str
    limits: str | None


class Number(NamedTuple):
    """A number of JSON, exactly, which equals no other thing of Python's."""

    value: Decimal

    @classmethod
    def read(cls, digits: str) -> Number:
        return cls(Decimal(digits))


class Wanted(NamedTuple):
    """What the job is to be."""

    queue: str
    priority: int
    run_at: datetime | None
    at_once: bool
    payload: str
    limits: str | None
    model: pydantic.BaseModel | None


def change_job(
    job: Job, change: Change, *, actor: str, versions: Collection[int] | None = None, db: Database = DJANGO
) -> bool:
    """Change a job that no attempt was made at; False if it was so already.

    `versions` are those that the caller has seen; another one raises ChangedMeanwhile. Raises NotPossible
    for a job that has started, NotFound for one that was purged, UnknownKind, BadPayload, and Refusal for a
    bad queue, priority or time.
    """
    return again_on_deadlock(db, lambda: change_locked(job, change, actor, versions, db))


def change_locked(
    job: Job, change: Change, actor: str, versions: Collection[int] | None, db: Database
) -> bool:
    """The look, the move and the timeline's row, in one transaction."""
    with db.atomic():
        found = db.rows(READ, {"id": job.id})
        if not found:
            raise NotFound(f"There is no job {job.id} any more.")
        old = Row(*found[0])
        check_waits(old)
        new = wanted(job, old, change)
        said = differences(old, new)
        if not said:
            return False
        if versions is not None and old.version not in versions:
            raise ChangedMeanwhile("The job has changed since you looked. Get it again, and decide anew.")
        params = new._asdict() | {
            "id": job.id, "kind": job.kind, "version": old.version, "silent": silent_seconds()
        }  # fmt: skip
        params.pop("model")
        if new.model is not None:
            take_parts(job, new.model, db)
        moves = CHANGE.run(db, params)
        if not moves:
            # Nobody else writes a row that we hold; a trigger of the adopter's may have kept it.
            raise NotPossible("It could not be changed.")
        ((state, is_ready),) = moves
        events.record([(job.id, "changed", old.attempt, actor, "; ".join(said))], db=db)
        db.after_commit(partial(moved.tell, state, [job.id]))
        if is_ready:
            db.after_commit(partial(ring, new.queue))
        look_again([old.limits, new.limits], db=db)
    return True


def check_waits(old: Row) -> None:
    """Raises NotPossible once an attempt was made, or the job has ended without one."""
    if old.attempt:
        raise NotPossible(f"Too late to change: it has started, and is {old.state}. Rerun it as you want it.")
    if old.state not in CHANGE.leaves:
        raise NotPossible(f"Too late to change: it is {old.state}. Rerun it as you want it.")


def wanted(job: Job, old: Row, change: Change) -> Wanted:
    """What the job is to be, checked as submit does; raises UnknownKind, BadPayload or Refusal."""
    model, payload, limits = None, old.payload, old.limits
    if change.payload is not None:
        kind = KINDS.find(job.kind)
        model = kind.validate(change.payload)
        payload = dump(model)
        limits = as_json(bounds_of(kind.limits, model, job.owner_id))
    queue = old.queue if change.queue is None else change.queue
    priority = old.priority if change.priority is None else change.priority
    run_at = old.run_at if change.run_at is None else change.run_at
    check_place(queue, priority, run_at)
    at_once = change.at_once and old.state == State.SCHEDULED
    return Wanted(queue, priority, run_at, at_once, payload, limits, model)


def differences(old: Row, new: Wanted) -> list[str]:
    """What becomes otherwise, for the timeline; nothing if it is so already."""
    said = []
    if read(old.payload) != read(new.payload):
        said.append("another payload")
    if old.queue != new.queue:
        said.append(f"queue {old.queue} → {new.queue}")
    if old.priority != new.priority:
        said.append(f"priority {old.priority} → {new.priority}")
    if new.at_once:
        said.append("due at once")
    elif old.run_at != new.run_at and new.run_at is not None:
        said.append(f"due at {new.run_at.isoformat()}")
    return said


def read(text: str) -> Any:
    """JSON to be compared: 1 is not true, and the database's 1000 is our 1e3."""
    return json.loads(text, parse_int=Number.read, parse_float=Number.read)


def take_parts(job: Job, model: pydantic.BaseModel, db: Database) -> None:
    """The uploads and items of the new payload, in place of the old one's."""
    artifacts.check_uses(model, owner=job.owner, kind=job.kind, db=db)
    artifacts.drop_uses([job.id], db=db)
    items.withdraw([job.id], db=db)
    record_parts(KINDS.find(job.kind), [(job.id, model)], db)
