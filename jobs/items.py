"""The item ledger: what a job that does many things did, skipped and lost.

An item is claimed (`doing`) before its effect and settled after it. If we die in between, the next attempt
finds it `doing` under an older attempt's number: nobody can know whether the effect happened. The kind's
policy decides: `at_most_once` leaves it `uncertain`, `at_least_once` makes it `pending` again and notes that.

Every write is fenced by a share lock on the job's row, which only the attempt that holds the lease gets: a
worker that was given up for dead writes nothing, and raises LeaseLost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID

from jobs.database import DJANGO, Database, Row
from jobs.errors import Cancelled, Failed, LeaseLost, Rejected
from jobs.failpoints import reach
from jobs.states import ItemState

SETTLED = frozenset({ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNCERTAIN})

DECLARE = """
INSERT INTO millrace_item (job_id, key, state)
SELECT job, key, 'pending'
FROM unnest(%(jobs)s::uuid[], %(keys)s::text[]) WITH ORDINALITY AS new (job, key, place) ORDER BY place
ON CONFLICT (job_id, key) DO NOTHING
"""
# No row here: the lease was lost. Every item touched is joined to it, so the job is locked first.
HELD = """
held AS MATERIALIZED (
    SELECT id FROM millrace_job
    WHERE id = %(job)s AND state = 'running' AND attempt = %(attempt)s AND holder = %(holder)s FOR SHARE
)
"""
IS_HELD = f"WITH {HELD} SELECT 1 FROM held"  # noqa: S608 - our own text
TAKE_OVER = f"""
WITH {HELD}
UPDATE millrace_item i
SET state = %(state)s, attempt = %(attempt)s,
    detail = coalesce(i.detail, '{{}}') || jsonb_build_object('uncertain', i.attempt)
FROM held WHERE i.job_id = held.id AND i.state = 'doing' AND i.attempt <> %(attempt)s
"""  # noqa: S608
ADD = f"""
WITH {HELD}
INSERT INTO millrace_item (job_id, key, state)
SELECT held.id, new.key, 'pending'
FROM held, unnest(%(keys)s::text[]) WITH ORDINALITY AS new (key, place) ORDER BY place
ON CONFLICT (job_id, key) DO NOTHING
"""  # noqa: S608
CLAIM = f"""
WITH {HELD}, next AS (
    SELECT i.id FROM millrace_item i, held
    WHERE i.job_id = held.id AND i.state = 'pending' AND (%(key)s::text IS NULL OR i.key = %(key)s)
    ORDER BY i.id LIMIT %(limit)s FOR UPDATE OF i
)
UPDATE millrace_item i SET state = 'doing', attempt = %(attempt)s
FROM next WHERE i.id = next.id RETURNING i.id, i.key, i.detail::text
"""  # noqa: S608
SETTLE = f"""
WITH {HELD}
UPDATE millrace_item i
SET state = %(state)s, attempt = %(attempt)s, detail = coalesce(%(detail)s::jsonb, i.detail)
FROM held WHERE i.job_id = held.id AND i.key = %(key)s AND i.state IN ('pending', 'doing') RETURNING i.id
"""  # noqa: S608
REOPEN = f"""
WITH {HELD}
UPDATE millrace_item i SET state = 'pending', detail = NULL
FROM held WHERE i.job_id = held.id AND i.state <> 'pending' AND i.attempt <> %(attempt)s
"""  # noqa: S608
COUNT = "SELECT state, count(*) FROM millrace_item WHERE job_id = %(job)s GROUP BY state"
STATE = "SELECT state FROM millrace_item WHERE job_id = %(job)s AND key = %(key)s"
LEAVE = """
UPDATE millrace_item SET state = 'uncertain' WHERE job_id = ANY(%(jobs)s::uuid[]) AND state = 'doing'
"""
WITHDRAW = "DELETE FROM millrace_item WHERE job_id = ANY(%(jobs)s::uuid[]) AND state = 'pending'"


@dataclass(frozen=True)
class ClaimedItem:
    """An item that this attempt is about to do."""

    id: int
    key: str
    detail: Any


def declare(items: Iterable[tuple[UUID, str]], *, db: Database = DJANGO) -> None:
    """Write the items of accepted jobs, as pairs of job and key; each once, in their order."""
    pairs = list(dict.fromkeys(items))
    if pairs:
        db.rows(DECLARE, {"jobs": [job for job, _ in pairs], "keys": [key for _, key in pairs]})


def withdraw(jobs: Iterable[UUID], *, db: Database = DJANGO) -> None:
    """Take back the items of jobs that have not started: their payloads are replaced."""
    db.rows(WITHDRAW, {"jobs": list(jobs)})


def counts(job: UUID, db: Database = DJANGO) -> dict[ItemState, int]:
    """How many items are in each state; every state has its number, their sum is what was accepted."""
    found: dict[str, int] = dict(db.rows(COUNT, {"job": job}))
    return {state: found.get(state.value, 0) for state in ItemState}


def leave_uncertain(jobs: Sequence[UUID], db: Database = DJANGO) -> None:
    """For jobs that end without another attempt: what was `doing` stays undecided for ever."""
    db.rows(LEAVE, {"jobs": list(jobs)})


class Items:
    """The ledger of one running attempt."""

    def __init__(self, job: UUID, attempt: int, holder: UUID, db: Database, *, policy: str) -> None:
        self._job = job
        self._attempt = attempt
        self._fence = {"job": job, "attempt": attempt, "holder": holder}
        self._db = db
        self._policy = policy
        self._is_taken_over = False

    def add(self, keys: Iterable[str]) -> None:
        """Declare items that are only known now; those that are there already stay as they are."""
        self._write(ADD, keys=list(dict.fromkeys(keys)))
        self._confirm_lease()

    def reopen(self) -> None:
        """Make what earlier attempts did pending again: for kinds whose effects show with the outcome."""
        self._write(REOPEN)
        self._confirm_lease()

    def claim(self, limit: int = 1, *, key: str | None = None) -> list[ClaimedItem]:
        """Mark up to `limit` pending items as being done, in order; none are left if the answer is empty."""
        rows = self._write(CLAIM, limit=limit, key=key)
        if not rows:
            self._confirm_lease()
        else:
            reach("effect.before")
        claimed = [ClaimedItem(place, name, json.loads(detail or "null")) for place, name, detail in rows]
        return sorted(claimed, key=lambda item: item.id)

    def settle(self, key: str, state: ItemState, detail: Any = None) -> None:
        """Record how an item ended; `detail` is any JSON value."""
        if state not in SETTLED:
            raise ValueError(f"An item is settled as one of {sorted(SETTLED)}, not {state!r}")
        reach("effect.after")
        self._move(key, state, detail)
        reach("settle.after")

    def give_back(self, key: str, detail: Any = None) -> None:
        """Make a claimed item pending again: its effect surely did not happen."""
        self._move(key, ItemState.PENDING, detail)

    def undecided(self, key: str, why: str) -> None:
        """Nobody knows whether the effect happened: the kind's policy decides what becomes of the item."""
        again = self._policy == "at_least_once"
        state = ItemState.PENDING if again else ItemState.UNCERTAIN
        self._move(key, state, {"uncertain": self._attempt, "error": why})

    def counts(self) -> dict[ItemState, int]:
        """How many items are in each state."""
        self._take_over()
        return counts(self._job, self._db)

    def state(self, key: str) -> ItemState | None:
        """Where that item is; None if there is none."""
        self._take_over()
        rows = self._db.rows(STATE, {**self._fence, "key": key})
        return ItemState(rows[0][0]) if rows else None

    def _move(self, key: str, state: ItemState, detail: Any) -> None:
        text = None if detail is None else json.dumps(detail)
        moved = self._write(SETTLE, key=key, state=state.value, detail=text)
        if not moved:
            self._confirm_lease()
            found = self.state(key)
            raise ValueError(f"Item {key!r} cannot become {state}: it is {found or 'not declared'}")

    def _write(self, sql: str, **params: Any) -> list[Row]:
        self._take_over()
        return self._db.rows(sql, self._fence | params)

    def _take_over(self) -> None:
        """Decide, once, about what an earlier attempt left undecided."""
        if not self._is_taken_over:
            again = ItemState.PENDING if self._policy == "at_least_once" else ItemState.UNCERTAIN
            self._db.rows(TAKE_OVER, {**self._fence, "state": again.value})
            self._is_taken_over = True

    def _confirm_lease(self) -> None:
        if not self._db.rows(IS_HELD, self._fence):
            raise LeaseLost(self._job, self._attempt)


class Once:
    """A ledger of one: `with context.once("send") as do_it:` is true for at most one attempt that ends well.

    Failed and Cancelled say that the effect did not happen: it may be tried again. Rejected says that it
    never will. After any other exception nobody knows, and the kind's policy decides.
    """

    def __init__(self, items: Items, key: str) -> None:
        self._items = items
        self._key = key
        self._is_ours = False

    @property
    def state(self) -> ItemState | None:
        """How it stands: `uncertain` if an attempt died in between."""
        return self._items.state(self._key)

    def __enter__(self) -> bool:
        claimed = self._items.claim(key=self._key)
        if not claimed and self._items.state(self._key) is None:
            self._items.add([self._key])
            claimed = self._items.claim(key=self._key)
        self._is_ours = bool(claimed)
        return self._is_ours

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_ours:
            return
        if error is None:
            self._items.settle(self._key, ItemState.DONE)
        elif isinstance(error, Failed | Cancelled):
            self._items.give_back(self._key)
        elif isinstance(error, Rejected):
            self._items.settle(self._key, ItemState.FAILED, {"error": str(error)})
        elif isinstance(error, Exception):
            self._items.undecided(self._key, str(error))
        # An interruption leaves it `doing`: the next attempt takes it over, or `leave_uncertain` does.
