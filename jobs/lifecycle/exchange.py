"""Exchange: record how attempts ended and claim the next, in one statement and one commit.

Who is right when two disagree: the same guards as in finish and claim, whose statements these are; an outcome
that is not kept does not hinder the claim. If the answer is lost, both may have happened or neither: the
outcomes are offered again, and what was claimed unseen is handed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jobs import outbox
from jobs.attempt import Claimed, Outcome, Place
from jobs.database import Database
from jobs.lifecycle import claim, finish
from jobs.lifecycle.claim import Asking, claimed
from jobs.lifecycle.finish import is_plain
from jobs.lifecycle.limits import look_again_soon
from jobs.lifecycle.outcomes import as_recorded, tell
from jobs.lifecycle.parameters import params_of
from jobs.lifecycle.transition import Move, again_on_deadlock
from jobs.states import State
from jobs.text import on_one_line

ENDED = "(SELECT coalesce(max(clock_timestamp()), statement_timestamp()) AS at FROM ended)"
"""When the look for what comes next begins: once the last outcome is recorded."""


def both(ending: Move, taking: Move) -> str:
    """Two statements as one; the ids that were kept stand in the first column of the first row.

    Of the first alone: in each of a hundred they would be read ten thousand times.
    """
    return on_one_line(f"""
        WITH ended AS ({ending.sql}), taken AS ({taking.sql})
        SELECT CASE WHEN row_number() OVER () = 1 THEN kept.ids END, taken.*
          FROM (SELECT array_agg(id) AS ids, {outbox.TOLD} FROM ended) AS kept LEFT JOIN taken ON true""")  # noqa: S608


TAKING = {
    claim.ONE.sql: claim.one(claim.IN_LINE, ENDED, "true"),
    claim.BATCH.sql: claim.batch(claim.IN_LINE, ENDED),
    claim.ONE_ONWARD.sql: claim.one(claim.ONWARD, ENDED, "true"),
    claim.BATCH_ONWARD.sql: claim.batch(claim.ONWARD, ENDED),
}
EXCHANGES = {sql: both(finish.SUCCEED, taking) for sql, taking in TAKING.items()}
EXCHANGES_OF_ONE = {sql: both(finish.SUCCEED_ONE, taking) for sql, taking in TAKING.items()}


def exchange_jobs(
    outcomes: Sequence[Outcome], asking: Asking, *, start: Place | None = None, db: Database
) -> tuple[list[Outcome], list[Claimed]]:
    """Record plain outcomes of this holder, and claim; the outcomes that were kept, and the jobs.

    Who waits for a slot that becomes free is let through after the commit, too late for this claim.
    """
    assert is_plain(outcomes)
    move, params = asking.move(start)
    params |= params_of(outcomes, asking.holder, is_plain=True)
    exchange = (EXCHANGES_OF_ONE if len(outcomes) == 1 else EXCHANGES)[move.sql]
    rows = again_on_deadlock(db, lambda: db.rows(exchange, params))
    moved = dict.fromkeys(rows[0][0] or (), State.SUCCEEDED.value)
    jobs = claimed(row[1:] for row in rows if row[1] is not None)
    # Whatever telling may raise: these are claimed, and the caller must have them.
    db.after_commit(partial(tell, outcomes, moved))
    kept = as_recorded(outcomes, moved)
    look_again_soon((o.limits for o in kept), db=db)
    return kept, jobs
