"""Finish: record how attempts ended, for many jobs in one statement.

Who is right when two disagree: the guard on state, attempt and holder. After a failover that lost a claim
two workers can hold the same attempt number, so the number alone is not enough. An outcome whose row is
not kept belongs to an attempt that lost its lease: it is dropped and logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from jobs import artifacts, events, items, outbox, results
from jobs.attempt import Outcome
from jobs.database import Database
from jobs.lifecycle.limits import look_again_soon
from jobs.lifecycle.outcomes import as_recorded, ended_as, tell
from jobs.lifecycle.parameters import params_of
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.states import State
from jobs.text import on_one_line

GIVEN_UP = {State.FAILED, State.CANCELLED}
# A cancellation that was asked for wins over another attempt, not over a success.
CANCELLED = "(o.state = 'retrying' AND job.cancel_asked)"
# The LIMIT cuts nothing off. With it the planner expects the same few rows whatever the arrays hold, and
# keeps its plan; without it, it plans anew for every outcome, which takes longer than recording one.
FINISH = Move(
    leaves={State.RUNNING},
    leads_to={State.SUCCEEDED, State.FAILED, State.RETRYING, State.CANCELLED},
    picked="""
        SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(states)s::text[], %(codes)s::text[],
                             %(errors)s::text[], %(results)s::text[], %(delays)s::float8[])
               AS o (id, attempt, state, code, error, result, delay) LIMIT %(count)s""",
    to=f"CASE WHEN {CANCELLED} THEN 'cancelled' ELSE o.state END".replace("o.", "picked."),
    sets=f"""
        code = CASE WHEN {CANCELLED} THEN 'cancelled_by' WHEN o.state = 'retrying' THEN '' ELSE o.code END,
        error = o.error, result = o.result::jsonb, ready = false, holder = NULL, lease = NULL,
        failures = job.failures + (o.state IN ('retrying', 'failed'))::int,
        run_at = CASE WHEN o.state = 'retrying' THEN clock_timestamp() + make_interval(secs => o.delay)
                      ELSE job.run_at END,
        finished_at = CASE WHEN o.state = 'retrying' AND NOT job.cancel_asked THEN NULL
                           ELSE clock_timestamp() END""".replace("o.", "picked."),
    guard="job.attempt = picked.attempt AND job.holder = %(holder)s",
    returning="job.id, job.state",
)


def succeed(these: str, *, attempt: str, result: str) -> Move:
    """What a plain success needs of it."""
    return Move(
        leaves={State.RUNNING},
        leads_to={State.SUCCEEDED},
        sets=f"""
            code = 'ok', error = '', result = {result}, ready = false, holder = NULL, lease = NULL,
            finished_at = clock_timestamp()""",
        guard=f"{these} AND job.holder = %(holder)s AND job.attempt = {attempt}",
        returning="job.id, job.state",
    )


# Rows are named by their ids, what belongs to each is looked up by its id: a planner that believes that
# nothing runs would read the whole table, and all outcomes anew for each row.
SUCCEED = succeed(
    "job.id = ANY (%(ids)s::uuid[])",
    attempt="(%(attempts)s::jsonb ->> job.id::text)::int",
    result="%(results)s::jsonb -> job.id::text",
)
# One alone is named as itself: of an array the planner expects ten, finds that dear, and plans anew for each.
SUCCEED_ONE = succeed("job.id = %(id)s::uuid", attempt="%(attempt)s::int", result="%(result)s::jsonb")
MOST_RESULTS_CHARACTERS = 20_000_000
"""In one object: jsonb keeps no more than 256 MB in one."""


def recording(move: Move) -> str:
    """The statement: the move, and what webhooks are to hear of it."""
    return on_one_line(f"""
        WITH ended AS ({move.sql})
        SELECT ended.id, ended.state, told FROM ended, (SELECT {outbox.TOLD} FROM ended) AS outbox""")  # noqa: S608


RECORD, RECORD_PLAIN, RECORD_ONE = recording(FINISH), recording(SUCCEED), recording(SUCCEED_ONE)


def finish_jobs(outcomes: Sequence[Outcome], *, holder: UUID, db: Database) -> list[Outcome]:
    """Record outcomes of attempts this holder made; those that were kept, as they were recorded."""
    if not outcomes:
        return []
    if is_plain(outcomes):
        sql = RECORD_ONE if len(outcomes) == 1 else RECORD_PLAIN
        moved = record(sql, params_of(outcomes, holder, is_plain=True), db)
        kept = as_recorded(outcomes, moved)
    else:
        with db.atomic():
            moved = record(RECORD, params_of(outcomes, holder, is_plain=False), db)
            kept = as_recorded(outcomes, moved)
            artifacts.publish([saved for o in kept for saved in o.artifacts], db=db)
            events.record(
                [(o.job, ended_as(o), o.attempt, "", o.error) for o in kept if not o.is_success], db=db
            )
            items.leave_uncertain([job for job, state in moved.items() if state in GIVEN_UP], db=db)
            results.keep(kept, db=db)
    db.after_commit(partial(tell, outcomes, moved))
    look_again_soon((o.limits for o in kept), db=db)
    return kept


def is_plain(outcomes: Sequence[Outcome]) -> bool:
    """Whether they leave nothing but their rows: successes at the first try, without files."""
    return (
        not results.keeps_all()
        and all(o.is_success and not o.was_troubled and not o.artifacts for o in outcomes)
        and sum(len(o.result or "") for o in outcomes) <= MOST_RESULTS_CHARACTERS
    )


def record(sql: str, params: dict[str, Any], db: Database) -> dict[UUID, str]:
    """The one statement: job id → the state it is in now."""
    rows = again_on_deadlock(db, lambda: db.rows(sql, params))
    return {row[0]: row[1] for row in rows}
