"""Everything that can go wrong, as a tree; each error has a stable code and says what to do.

MillraceError
├── Refusal                what was asked cannot be accepted; asking again unchanged will not help
│   ├── UnknownKind        no such kind is declared here
│   ├── BadPayload         the payload does not fit its kind (`problems` lists where and why)
│   ├── BadUpload          a file is too large, of the wrong type, or empty
│   ├── BadReport          what came in is no report about a mail of ours
│   ├── BadSchedule        a schedule that cannot be kept, or would never fire
│   ├── KeyReused          an idempotency key was used before with another payload
│   ├── BadFilter          a word of a filter cannot be understood (`word`, `column`, `why`)
│   ├── BadCursor          a cursor was not made here, or for another filter
│   ├── NotAllowed         this owner may not do this
│   ├── NotPossible        the job's state does not allow this act
│   └── ChangedMeanwhile   the job is no longer as its caller saw it
├── NotFound               no such job for this person (others' jobs look the same)
│   └── Gone               the job existed and was purged
├── BadToken               a program's token is no token, or has ended
├── LeaseLost              another attempt owns the job now; this one's outcome is dropped
├── InFlight               the first request with this idempotency key is still being answered
├── Busy                   too many requests from one address or owner; ask again later
└── JobError               raised by kinds
    ├── Failed             this attempt failed and may be tried again
    ├── NotYet             what the job needs is not free yet: handed back until then, charged to nobody
    ├── Rejected           the job can never succeed: final at once, no further attempt
    ├── TimedOut           an attempt ran into its time limit
    └── Cancelled          the kind noticed that cancellation was asked
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

TOLD = 10
"""How many problems the sentence about a payload names; `problems` has them all."""


Where = tuple[str | int, ...]
"""A place in a payload: a path of keys; empty = all of it."""


class Problem(NamedTuple):
    """One thing that is wrong with a payload: where, and why."""

    where: Where
    why: str

    def __str__(self) -> str:
        path = ".".join(str(step) for step in self.where)
        return f"{path}: {self.why}" if path else self.why


class MillraceError(Exception):
    """The root: everything Millrace raises on purpose."""

    code = "error"


class Refusal(MillraceError):
    """What was asked cannot be accepted as it is."""

    code = "refused"


class UnknownKind(Refusal):
    """No such kind is declared here."""

    code = "unknown_kind"


class BadPayload(Refusal):
    """The payload does not fit its kind."""

    code = "bad_payload"

    def __init__(self, kind: str, problems: Sequence[Problem]) -> None:
        self.kind = kind
        self.problems = list(problems)
        told = [str(problem) for problem in self.problems[:TOLD]]
        more = [f"and {len(self.problems) - TOLD:,} more"] if len(self.problems) > TOLD else []
        super().__init__(f"The payload does not fit {kind}: " + "; ".join(told + more))


class BadUpload(Refusal):
    """A file is too large, of the wrong type, or empty."""

    code = "bad_upload"


class BadReport(Refusal):
    """What came in is no report about a mail of ours, or cannot be believed."""

    code = "bad_report"


class BadSchedule(Refusal):
    """A schedule cannot be kept as it is, or would never fire."""

    code = "bad_schedule"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("The schedule does not fit: " + "; ".join(map(str, self.problems)))


class KeyReused(Refusal):
    """An idempotency key was used before, with another payload."""

    code = "key_reused"


class BadFilter(Refusal):
    """A word of a filter cannot be understood: which, where it begins (from 1), and what would be valid."""

    code = "bad_filter"

    def __init__(self, word: str, column: int, why: str) -> None:
        self.word, self.column, self.why = word, column, why
        super().__init__(f"The filter is not understood at `{word}` (column {column}): {why}")


class BadCursor(Refusal):
    """A page was asked for that does not belong to this list."""

    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__(
            "This cursor belongs to another filter, or was not made here. "
            "Ask without a cursor for the first page."
        )


class NotAllowed(Refusal):
    """This owner may not do this."""

    code = "not_allowed"


class NotPossible(Refusal):
    """The job's state does not allow this act."""

    code = "not_possible"


class ChangedMeanwhile(Refusal):
    """The job is no longer as whoever wants to change it saw it."""

    code = "changed_meanwhile"


class NotFound(MillraceError):
    """No such job, as far as this person may know."""

    code = "not_found"


class Gone(NotFound):
    """The job existed and was purged."""

    code = "gone"


class BadToken(MillraceError):
    """A program's token is no token of ours, or is one no more."""

    code = "bad_token"


class LeaseLost(MillraceError):
    """Another attempt owns the job now."""

    code = "lease_lost"

    def __init__(self, job: UUID, attempt: int) -> None:
        super().__init__(f"Attempt {attempt} of job {job} no longer holds its lease; its outcome is dropped.")


class InFlight(MillraceError):
    """The first request with this idempotency key is still being answered."""

    code = "key_in_flight"


class Busy(MillraceError):
    """Too many requests; `retry_after_seconds` says when to ask again."""

    code = "busy"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class JobError(MillraceError):
    """The root of what a kind may raise to say how its attempt ended."""


class Failed(JobError):
    """This attempt failed; the kind's retry policy decides what follows.

    `again_in` puts the next attempt off at least so long, where whoever was asked named a time.
    """

    def __init__(self, message: str = "", *, again_in: timedelta | None = None) -> None:
        super().__init__(*([message] if message else []))
        self.again_in = again_in


class NotYet(JobError):
    """What the job needs is not free yet: it is handed back, charged to nobody, and goes on after `again_in`.

    Its kind makes sure that it will be, or fails at last: nothing counts how often this is raised.
    """

    def __init__(self, message: str = "", *, again_in: timedelta) -> None:
        super().__init__(*([message] if message else []))
        self.again_in = again_in


class Rejected(JobError):
    """The job can never succeed, however often it is tried."""

    code = "refused"


class TimedOut(JobError):
    """The attempt ran into its soft time limit."""

    code = "timeout"


class Cancelled(JobError):
    """The kind noticed that cancellation was asked, and stopped."""

    code = "cancelled_by"
