"""The guarded UPDATE: the one place that moves a job from state to state.

Who is right when two disagree: the row. Every move names the states it leaves, takes its rows in one
statement and returns those it moved; a row that another move took first is simply not among them.
What holds the lock: that statement, for its own length. If we die on the next line the move is either
committed whole or never was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import django.db
import psycopg
import psycopg.errors

from jobs.database import Database, Params, Row
from jobs.states import MOVES, State
from jobs.text import on_one_line

T = TypeVar("T")
DEADLOCK_TRIES = 5


class Move:
    """One kind of move, for any number of jobs: which states it leaves, where it leads, what it writes.

    `picked` is the SELECT that finds (and usually locks) the rows, with a column `id`; without it `guard`
    names them. `to` is a state, or an SQL expression over `job` and `picked` that yields one of `leads_to`.
    `guard` is anything more that must hold at the moment of writing. `before` are further named queries,
    `returning` is what comes back.
    """

    def __init__(
        self,
        *,
        leaves: Iterable[State],
        leads_to: Iterable[State],
        picked: str = "",
        to: str | None = None,
        sets: str = "",
        guard: str = "",
        before: str = "",
        returning: str = "job.id",
    ) -> None:
        self.leaves, self.leads_to = frozenset(leaves), frozenset(leads_to)
        for state in self.leaves:
            if forbidden := self.leads_to - MOVES[state] - {state}:
                raise ValueError(f"no job may go from {state} to {', '.join(sorted(forbidden))}")
        left = ", ".join(f"'{state}'" for state in sorted(self.leaves))
        target = to if to is not None else f"'{next(iter(self.leads_to))}'"
        named = [*filter(None, [before]), *([f"picked AS ({picked})"] if picked else [])]
        guards = [
            *(["job.id = picked.id"] if picked else []),
            f"job.state IN ({left})",
            *filter(None, [guard]),
        ]
        # On one line: psycopg remembers how to send a statement only up to 4,096 characters.
        self.sql = on_one_line(
            f"{'WITH ' + ', '.join(named) if named else ''} "  # noqa: S608 - constants of ours
            f"UPDATE millrace_job AS job SET state = {target}, version = job.version + 1"
            f"{', ' + sets if sets else ''} {'FROM picked' if picked else ''} "
            f"WHERE {' AND '.join(guards)} RETURNING {returning}"
        )

    def run(self, db: Database, params: Params) -> list[Row]:
        """Move what may be moved; the rows that were."""
        return again_on_deadlock(db, lambda: db.rows(self.sql, params))


def again_on_deadlock(db: Database, verb: Callable[[], T]) -> T:
    """Bulk verbs can meet each other half way (40P01): the loser repeats.

    Inside a caller's transaction it cannot: that transaction is lost as a whole, and the caller is told.
    """
    for _ in range(DEADLOCK_TRIES):
        try:
            return verb()
        except (psycopg.errors.DeadlockDetected, django.db.OperationalError) as error:
            cause = error.__cause__ if isinstance(error, django.db.OperationalError) else error
            if db.is_in_transaction or not isinstance(cause, psycopg.errors.DeadlockDetected):
                raise
    return verb()
