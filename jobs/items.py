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
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple
from uuid import UUID

from jobs.database import DJANGO, Database, Row
from jobs.errors import Cancelled, Failed, LeaseLost, NotYet, Rejected
from jobs.failpoints import reach
from jobs.registry import Declared
from jobs.states import ItemState

DECLARED_AT_ONCE = 5_000
HIGHEST_ID = 2**63 - 1
SETTLED = frozenset({ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNCERTAIN})

DECLARE = """
INSERT INTO millrace_item (job_id, key, state, given)
SELECT (new->>0)::uuid, new->>1, 'pending', NULLIF(new->2, 'null')
FROM jsonb_array_elements(%(items)s::jsonb) WITH ORDINALITY AS item (new, place) ORDER BY place
ON CONFLICT (job_id, key) DO NOTHING
"""
ENTER = "COPY millrace_item (job_id, key, state, given) FROM STDIN"
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
SET state = %(state)s, attempt = %(attempt)s, moved_at = statement_timestamp(),
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
UPDATE millrace_item i SET state = 'doing', attempt = %(attempt)s, held_by = NULL, due = NULL,
    moved_at = statement_timestamp()
FROM next WHERE i.id = next.id RETURNING i.id, i.key, i.detail::text, i.given::text
"""  # noqa: S608
# No plan may depend on what is known of the table: just after 300,000 were declared that is nothing, and all
# of them were read for each chunk (157 ms instead of 1). So rows are found by id: not by job, and not by the
# index of what is open, which cannot be used where the state is an expression. The next ones are found one
# by one, in the order that only one index has: who looks for one is not tempted to sort them all.
# And by an array of ids: joined to a list of them, all were read and hashed where the table was thought to be
# empty, as autovacuum finds it while they are being declared.
# That nothing holds an item is asked by a comparison, of which a planner expects a third; an IS NULL lets it
# expect next to none, and sort what it found.
# It goes through the items once: what was put back stays behind the mark. Nor does the second part see what
# the first one writes.
STEP = """
    (SELECT i.id FROM millrace_item i
     WHERE (i.job_id, i.id) > (%(job)s, {after}) AND (i.job_id, i.id) < (%(job)s, %(most)s::bigint)
       AND i.state = 'pending' AND num_nonnulls(i.held_by) < 1
     ORDER BY i.job_id, i.id LIMIT 1)
"""
SETTLE_ALL = """
    UPDATE millrace_item i
    SET state = new.state, moved_at = statement_timestamp(), detail = coalesce(new.detail::jsonb, i.detail)
    FROM held, unnest(%(ids)s::bigint[], %(states)s::text[], %(details)s::text[]) AS new (id, state, detail)
    WHERE i.id = ANY(%(ids)s::bigint[]) AND i.id = new.id AND i.job_id::text = held.id::text
      AND i.state || '' = 'doing' AND i.attempt = %(attempt)s
    RETURNING i.id
"""
EXCHANGE = f"""
WITH RECURSIVE {HELD}, ended AS ({SETTLE_ALL}
), next (id, place) AS (
    SELECT {STEP.format(after="%(after)s::bigint")}, 1 FROM held WHERE %(limit)s > 0
    UNION ALL
    SELECT {STEP.format(after="next.id")}, place + 1 FROM next WHERE id IS NOT NULL AND place < %(limit)s
), begun AS (
    UPDATE millrace_item i SET state = 'doing', attempt = %(attempt)s, moved_at = statement_timestamp()
    WHERE i.id = ANY(ARRAY(SELECT id FROM next)) AND i.state || '' = 'pending'
    RETURNING i.id, i.key, i.detail, i.given
)
SELECT 'ended', count(*), NULL, NULL, NULL FROM ended
UNION ALL SELECT 'held', count(*), NULL, NULL, NULL FROM held
UNION ALL SELECT 'begun', id, key, detail::text, given::text FROM begun
"""  # noqa: S608
HOLD = f"""
WITH {HELD}
UPDATE millrace_item i
SET state = 'pending', held_by = new.held_by, moved_at = statement_timestamp(),
    due = statement_timestamp() + make_interval(secs => new.seconds),
    detail = coalesce(new.detail::jsonb, i.detail)
FROM held, unnest(%(ids)s::bigint[], %(keys)s::text[], %(seconds)s::float8[], %(details)s::text[])
     AS new (id, held_by, seconds, detail)
WHERE i.id = ANY(%(ids)s::bigint[]) AND i.id = new.id AND i.job_id::text = held.id::text
  AND i.state || '' = 'doing' AND i.attempt = %(attempt)s
RETURNING i.id
"""  # noqa: S608
# What was settled or held already, by a statement that was interrupted after it was done, stays so.
LEAVE_OFF = f"""
WITH {HELD}, ended AS ({SETTLE_ALL})
SELECT 1 FROM held
"""  # noqa: S608
GIVE_BACK = f"""
WITH {HELD}
UPDATE millrace_item i SET state = 'pending', moved_at = statement_timestamp()
FROM held WHERE i.job_id = held.id AND i.state = 'doing' AND i.attempt = %(attempt)s
"""  # noqa: S608
HAS_MORE = f"SELECT 1 WHERE {STEP.format(after='%(after)s::bigint')} IS NOT NULL"
CLAIM_HELD = f"""
WITH {HELD}, next AS (
    SELECT i.id FROM millrace_item i, held
    WHERE i.job_id = held.id AND i.held_by = %(key)s AND i.state = 'pending'
      AND (%(early)s OR i.due <= clock_timestamp())
    ORDER BY i.due, i.id LIMIT %(limit)s FOR UPDATE OF i
)
UPDATE millrace_item i SET state = 'doing', attempt = %(attempt)s, held_by = NULL, due = NULL,
    moved_at = statement_timestamp()
FROM next WHERE i.id = next.id RETURNING i.id, i.key, i.detail::text, i.given::text
"""  # noqa: S608
LINES = """
SELECT held_by, greatest(0, extract(epoch FROM min(due) - clock_timestamp()))::float8, max(id)
FROM millrace_item WHERE job_id = %(job)s AND held_by IS NOT NULL AND state = 'pending' GROUP BY held_by
"""
DUE = """
SELECT extract(epoch FROM min(due) - clock_timestamp())::float8
FROM millrace_item WHERE job_id = %(job)s AND held_by = %(key)s AND state = 'pending'
"""
SETTLE = f"""
WITH {HELD}
UPDATE millrace_item i
SET state = %(state)s, attempt = %(attempt)s, moved_at = statement_timestamp(),
    detail = coalesce(%(detail)s::jsonb, i.detail)
FROM held WHERE i.job_id = held.id AND i.key = %(key)s AND i.state IN ('pending', 'doing') RETURNING i.id
"""  # noqa: S608
REOPEN = f"""
WITH {HELD}
UPDATE millrace_item i SET state = 'pending', detail = NULL, held_by = NULL, due = NULL,
    moved_at = statement_timestamp()
FROM held WHERE i.job_id = held.id AND i.state <> 'pending' AND i.attempt <> %(attempt)s
"""  # noqa: S608
COUNT = "SELECT state, count(*) FROM millrace_item WHERE job_id = %(job)s GROUP BY state"
STATE = "SELECT state FROM millrace_item WHERE job_id = %(job)s AND key = %(key)s"
LEAVE = """
UPDATE millrace_item SET state = 'uncertain', moved_at = statement_timestamp()
WHERE job_id = ANY(%(jobs)s::uuid[]) AND state = 'doing'
"""
WITHDRAW = "DELETE FROM millrace_item WHERE job_id = ANY(%(jobs)s::uuid[]) AND state = 'pending'"


@dataclass(frozen=True)
class ClaimedItem:
    """An item that this attempt is about to do."""

    id: int
    key: str
    detail: Any
    given: Any = None


class Held(NamedTuple):
    """A claimed item that has to wait: what for, and how long. No detail leaves the one it has."""

    id: int
    key: str
    seconds: float
    detail: Any = None


class Ended(NamedTuple):
    """How a claimed item ended; `pending`: it is for another attempt. No detail leaves the one it has."""

    id: int
    state: ItemState
    detail: Any = None


def declare(items: Iterable[tuple[UUID, str | Declared]], *, db: Database = DJANGO) -> None:
    """Write the items of accepted jobs, as pairs of job and item; each key once, in their order.

    However many there are, only a few thousand are in memory at a time.
    """
    rows = iter(items)
    while some := list(islice(rows, DECLARED_AT_ONCE)):
        # One text is sent quicker than arrays, of which each element is quoted in Python.
        new = [(str(job), *(item if isinstance(item, Declared) else Declared(item))) for job, item in some]
        db.rows(DECLARE, {"items": json.dumps(new)})


def enter(job: UUID, entries: Iterable[Declared], *, db: Database = DJANGO) -> None:
    """Write the items of an accepted job in a stream, in their order; no key may come twice.

    Three times as fast as `declare`. The connection is busy meanwhile: `entries` asks the database nothing.
    What it raises is raised here, and nothing is written.
    """
    owner = str(job)
    rows = ((owner, key, "pending", None if given is None else json.dumps(given)) for key, given in entries)
    db.copy(ENTER, rows)


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
        self._mark = 0
        """The last item that was claimed in passing through all of them."""

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
        return _claimed(rows)

    def exchange(self, ended: Sequence[Ended], limit: int) -> list[ClaimedItem]:
        """Settle these and claim up to `limit` others, in order, in one statement.

        What this attempt gave back is not claimed by it again. None are left if the answer is empty.
        """
        if wrong := [each for each in ended if each.state not in SETTLED | {ItemState.PENDING}]:
            raise ValueError(f"An item ends as one of {sorted(SETTLED)} or pending, not {wrong[0].state!r}")
        if ended:
            reach("effect.after")
        rows = self._write(EXCHANGE, **_columns(ended), limit=limit, after=self._mark, most=HIGHEST_ID)
        counted = {row[0]: row[1] for row in rows if row[0] != "begun"}
        if not counted["held"]:
            raise LeaseLost(self._job, self._attempt)
        if counted["ended"] != len(ended):
            raise ValueError(f"{len(ended) - counted['ended']} of {len(ended)} items were not being done")
        if ended:
            reach("settle.after")
        begun = _claimed([row[1:] for row in rows if row[0] == "begun"])
        if begun:
            self._mark = begun[-1].id
            reach("effect.before")
        return begun

    def has_more(self) -> bool:
        """Whether anybody is left whom `exchange` would claim."""
        return bool(self._write(HAS_MORE, after=self._mark, most=HIGHEST_ID))

    def leave_off(self, ended: Sequence[Ended]) -> None:
        """Settle these as far as they are not yet, for who was interrupted and does not know it."""
        if not self._write(LEAVE_OFF, **_columns(ended)):
            raise LeaseLost(self._job, self._attempt)

    def give_back_rest(self) -> None:
        """Make whatever this attempt is doing pending again: claimed by a statement whose answer was lost."""
        self._write(GIVE_BACK)

    def hold(self, waiting: Sequence[Held]) -> None:
        """Make claimed items pending again that have to wait for something: they are out of the common line.

        `claim_held` takes them, and nothing else does; whoever dies meanwhile, they are held in the next
        attempt as well.
        """
        if not waiting:
            return
        held = self._write(
            HOLD, ids=[each.id for each in waiting], keys=[each.key for each in waiting],
            seconds=[each.seconds for each in waiting], details=_details(waiting),
        )  # fmt: skip
        if len(held) != len(waiting):
            self._confirm_lease()
            raise ValueError(f"{len(waiting) - len(held)} of {len(waiting)} items were not being done")

    def claim_held(self, key: str, limit: int, *, early: bool = True) -> list[ClaimedItem]:
        """Mark up to `limit` of those that wait for this as being done; `early` = also before their time."""
        rows = self._write(CLAIM_HELD, key=key, limit=limit, early=early)
        if not rows:
            self._confirm_lease()
        else:
            reach("effect.before")
        return _claimed(rows)

    def resume(self) -> dict[str, float]:
        """For what an earlier attempt held items, and in how many seconds the first of each is due.

        The common line goes on where that attempt left it; `rewind` goes back to what it may have left.
        """
        self._take_over()
        rows = self._db.rows(LINES, self._fence)
        self._mark = max([self._mark, *(row[2] for row in rows)])
        return {row[0]: row[1] for row in rows}

    def due_in(self, key: str) -> float | None:
        """In how many seconds the first of those is due that wait for this; None if nobody does."""
        found: float | None = self._write(DUE, key=key)[0][0]
        return None if found is None else max(0.0, found)

    def rewind(self) -> None:
        """Let the common line begin at its head again."""
        self._mark = 0

    def decide(self, policy: str) -> None:
        """Follow this policy instead of the kind's, where the job names one; before anything is claimed."""
        self._policy = policy

    @property
    def undecided_state(self) -> ItemState:
        """What becomes of an item when nobody knows whether its effect happened."""
        return ItemState.PENDING if self._policy == "at_least_once" else ItemState.UNCERTAIN

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
        self._move(key, self.undecided_state, {"uncertain": self._attempt, "error": why})

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
            self._db.rows(TAKE_OVER, {**self._fence, "state": self.undecided_state.value})
            self._is_taken_over = True

    def _confirm_lease(self) -> None:
        if not self._db.rows(IS_HELD, self._fence):
            raise LeaseLost(self._job, self._attempt)


def _columns(ended: Sequence[Ended]) -> dict[str, Any]:
    """As SETTLE_ALL takes them: an array for each column."""
    return {
        "ids": [each.id for each in ended],
        "states": [each.state.value for each in ended],
        "details": _details(ended),
    }


def _details(items: Sequence[Ended] | Sequence[Held]) -> list[str | None]:
    """What is to be kept of each, as JSON; None keeps what is there."""
    return [None if each.detail is None else json.dumps(each.detail) for each in items]


def _claimed(rows: Iterable[Row]) -> list[ClaimedItem]:
    """In their order, which RETURNING does not promise."""
    claimed = [
        ClaimedItem(place, key, json.loads(detail or "null"), json.loads(given or "null"))
        for place, key, detail, given in rows
    ]
    return sorted(claimed, key=lambda item: item.id)


class Once:
    """A ledger of one: `with context.once("send") as do_it:` is true for at most one attempt that ends well.

    Failed, NotYet and Cancelled say that the effect did not happen: it may be tried again. Rejected says that
    it never will. After any other exception nobody knows, and the kind's policy decides.
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
        elif isinstance(error, Failed | NotYet | Cancelled):
            self._items.give_back(self._key)
        elif isinstance(error, Rejected):
            self._items.settle(self._key, ItemState.FAILED, {"error": str(error)})
        elif isinstance(error, Exception):
            self._items.undecided(self._key, str(error))
        # An interruption leaves it `doing`: the next attempt takes it over, or `leave_uncertain` does.
