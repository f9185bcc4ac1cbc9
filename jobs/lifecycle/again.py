"""Again: a person's decision about items that nobody can decide about: done again, or left as they are.

The items stay `uncertain` in the ledger of their job, for that is what is known about them; the decision is
noted with each, so that it is taken once. Done again means a new job with these items and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from jobs import events
from jobs.database import DJANGO, Database, Row
from jobs.errors import NotPossible
from jobs.items import HIGHEST_ID
from jobs.lifecycle.submit import submit_job
from jobs.states import State

if TYPE_CHECKING:
    from jobs.models import Job

LOCK = """
SELECT 1 FROM millrace_job WHERE id = %(job)s AND state IN ('succeeded', 'failed', 'cancelled') FOR UPDATE
"""
OPEN = """i.job_id = %(job)s AND i.state = 'uncertain' AND NOT coalesce(i.detail, '{}') ? 'decided'
      AND (%(items)s::bigint[] IS NULL OR i.id = ANY(%(items)s::bigint[]))"""
COUNT = f"SELECT count(*) FROM millrace_item i WHERE {OPEN}"  # noqa: S608 - our own text
LEAVE = f"""
UPDATE millrace_item i SET detail = coalesce(i.detail, '{{}}') || '{{"decided": "left"}}' WHERE {OPEN}
RETURNING i.id
"""  # noqa: S608
# The new item knows which one was the first, so that a mail goes out under the Message-ID it had.
TAKE = f"""
WITH taken AS (
    UPDATE millrace_item i
    SET detail = coalesce(i.detail, '{{}}') || jsonb_build_object('decided', 'again', 'job', %(new)s::text)
    WHERE {OPEN} RETURNING i.id, i.key, i.given
)
INSERT INTO millrace_item (job_id, key, state, given)
SELECT %(new)s::uuid, key, 'pending',
       jsonb_build_object('again_of', jsonb_build_array(%(job)s::text, id)) || coalesce(given, '{{}}')
FROM taken ORDER BY id RETURNING id
"""  # noqa: S608


def count_undecided(job: UUID, *, db: Database = DJANGO) -> int:
    """How many items of a job wait for a person's decision."""
    return int(db.rows(COUNT, {"job": job, "items": None})[0][0])


def leave_as_they_are(
    job: Job, *, actor: str, items: Sequence[int] | None = None, db: Database = DJANGO
) -> int:
    """Decide that nothing more is done about them, or about these alone; how many. Raises NotPossible."""
    with db.atomic():
        lock_ended(job, db)
        count = len(db.rows(LEAVE, {"job": job.id, "items": chosen(items)}))
        if not count:
            raise NotPossible("Nothing is undecided here: somebody may have been faster.")
        events.record([(job.id, "left", job.attempt, actor, f"{count} uncertain")], db=db)
    return count


def do_again(
    job: Job, *, actor: str, door: str, items: Sequence[int] | None = None, db: Database = DJANGO
) -> UUID:
    """Decide that they, or these alone, are done again; the new job. Raises NotPossible, or as submit_job.

    Whoever decides, the new job is its owner's as the first one was: who may be mailed to is for the owner's
    suppressions to say, a link in a mail leads out of the owner's list, and the files are the owner's.
    """
    with db.atomic():
        lock_ended(job, db)
        taken: list[Row] = []
        asked = {"job": job.id, "items": chosen(items)}
        new = submit_job(
            job.kind, job.payload, owner=job.owner, group=job.group, queue=job.queue, priority=job.priority,
            door=door, rerun_of=job.id, db=db,
            own_items=lambda new: taken.extend(db.rows(TAKE, asked | {"new": new})),
        ).id  # fmt: skip
        if not taken:
            raise NotPossible("Nothing is undecided here: somebody may have been faster.")
        events.record(
            [
                (job.id, "again", job.attempt, actor, f"{len(taken)} uncertain, as job {new}"),
                (new, "asked_again", 0, actor, f"{len(taken)} uncertain of job {job.id}"),
            ],
            db=db,
        )
    return new


def chosen(items: Sequence[int] | None) -> list[int] | None:
    """What PostgreSQL can compare with an id."""
    return None if items is None else [item for item in items if 0 < item <= HIGHEST_ID]


def lock_ended(job: Job, db: Database) -> None:
    """Two people decide one after the other; while it runs, the job itself may still settle them."""
    if not db.rows(LOCK, {"job": job.id}):
        raise NotPossible(f"It is {State(job.state)}: decide when it has ended.")
