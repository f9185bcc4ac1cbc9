"""Burial: a replacement child ends its predecessor's leases, at once and by name.

Nobody needs to wait for a lease to run out when the pool itself noticed the death: the record says which job
ran. That one is charged, what merely stood beside it in the batch is handed back; so is all of it if the main
itself put the child to death. If we die on the next line, the leases run out and rescue does the same without
knowing the name. A worker that stops replaces nobody once its pool is closed, and its main does it
(workers/undertaker.py).
"""

from __future__ import annotations

import structlog

from jobs.attempt import Claimed
from jobs.database import OwnDatabase
from jobs.lifecycle.finish import finish_jobs
from jobs.lifecycle.release import held_by, release_jobs
from jobs.lifecycle.rescue import rescue_dead
from jobs.registry import KINDS
from jobs.states import Code
from workers.outcome import failed_once
from workers.record import Last

log = structlog.get_logger(__name__)


def bury(last: Last, db: OwnDatabase) -> None:
    """End the leases of a child that died. Of one that its own main put to death nobody is charged."""
    if last.was_killed:
        hand_back(last, db)
        return
    held = {row[0]: row for row in held_by(last.holder, db=db)}
    if held or last.trace:
        log.warning(
            "child_buried", job_id=str(last.job) if last.job else None, held=len(held), trace=last.trace
        )
    culprit = held.pop(last.job, None) if last.job is not None else None
    if culprit is not None and culprit[2] == last.attempt:
        end(culprit, last, db)
    release_jobs({job: row[2] for job, row in held.items()}, holder=last.holder, db=db)


def hand_back(last: Last, db: OwnDatabase) -> None:
    """End the leases of a child without a charge."""
    held = {row[0]: row[2] for row in held_by(last.holder, db=db)}
    released = release_jobs(held, holder=last.holder, db=db)
    log.warning(
        "child_killed", job_id=str(last.job) if last.job else None, held=len(held), released=len(released)
    )


def end(culprit: tuple[object, str, int, int], last: Last, db: OwnDatabase) -> None:
    """End the attempt that ran: a time limit is a failure, anything else the death of a worker."""
    assert last.job is not None
    _, name, attempt, failures = culprit
    kind = KINDS.get(name)
    if last.was_timed_out and kind is not None:
        job = Claimed(last.job, name, attempt, "", 0, failures, 0, True, 0.0)
        limit = f"{kind.timeout.total_seconds():g} s"
        text = f"The attempt did not stop at its limit of {limit} and was ended by force."
        finish_jobs(
            [failed_once(job, kind, failures, Code.TIMEOUT, text, last.trace)], holder=last.holder, db=db
        )
        return
    why = "Its worker process died while it ran." + (f"\n{last.trace}" if last.trace else "")
    rescue_dead(last.job, attempt, holder=last.holder, why=why, db=db)
