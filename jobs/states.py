"""The states of a job and the moves between them: a closed set, drawn in docs/explain/lifecycle.md."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job is in its life."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


WAITING = frozenset({State.SCHEDULED, State.QUEUED, State.RETRYING})
FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
REOPENABLE = frozenset({State.FAILED, State.CANCELLED})

MOVES: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.SCHEDULED}),
    State.RUNNING: FINAL | {State.RETRYING, State.QUEUED, State.SCHEDULED},
    State.RETRYING: frozenset({State.QUEUED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}


class Reason(StrEnum):
    """Why a waiting job waits: computed from the predicates that hold it back, never stored."""

    NOT_DUE = "not_due"
    BACKOFF = "backoff"
    PAUSED = "paused"
    LIMIT = "limit"
    RATE = "rate"
    UNKNOWN_KIND = "unknown_kind"
    NO_WORKER = "no_worker"
    BEHIND = "behind"


class Code(StrEnum):
    """How an attempt or a job ended."""

    OK = "ok"
    ERROR = "error"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    LOST = "lost"
    CRASH_BUDGET = "crash_budget"
    CANCELLED_BY = "cancelled_by"
    BAD_PAYLOAD = "bad_payload"


class ItemState(StrEnum):
    """Where one item of a job's ledger is."""

    PENDING = "pending"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"
