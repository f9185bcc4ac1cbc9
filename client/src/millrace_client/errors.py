"""What can go wrong, as a tree.

MillraceError
├── Problem            the server refused: `code`, `status`, `detail`, `errors`, `request_id`
│   ├── Refused        what was asked cannot be accepted (422)
│   │   ├── BadPayload, UnknownKind, BadFilter, KeyReused
│   ├── BadCursor      the cursor belongs to another filter
│   ├── BadToken       the token is missing, wrong, expired or revoked (401)
│   ├── NotAllowed     the token or its owner may not do this (403)
│   ├── NotFound       there is no such thing for this token (404)
│   │   └── Gone       it was there and was purged (410)
│   ├── NotPossible    the job's state does not allow it (409)
│   │   ├── NotFinished, InFlight
│   ├── ChangedMeanwhile  the job is no longer as it was when it was read (412)
│   └── Busy           too often, or too many waiting jobs (429), after all tries
├── Unreachable        no answer, after all tries; with the same key it is safe to try once more
├── Damaged            a download is not the file that the server named
├── StillGoing         the time to wait is over; the job goes on
└── JobFailed          the job ended without success: `state`, `code`, `error`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class MillraceError(Exception):
    """The root."""


class Problem(MillraceError):
    """An RFC 9457 problem."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", ""))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.errors: Sequence[Mapping[str, str]] = body.get("errors", ())
        self.request_id: str | None = body.get("request_id")
        said = self.detail or self.title or "what answered is not Millrace, or a proxy before it"
        super().__init__(f"{status} {self.code}: {said}" if self.code else f"{status}: {said}")


class Refused(Problem):
    """What was asked cannot be accepted as it is."""


class BadPayload(Refused):
    """The payload does not fit its kind; `errors` says where."""


class UnknownKind(Refused):
    """There is no such kind."""


class BadFilter(Refused):
    """A word of the filter is not understood."""


class KeyReused(Refused):
    """The key stands for another request."""


class BadCursor(Problem):
    """The cursor belongs to another filter."""


class BadToken(Problem):
    """The token is missing, wrong, expired or revoked."""


class NotAllowed(Problem):
    """The token, or its owner, may not do this."""


class NotFound(Problem):
    """There is no such thing for this token."""


class Gone(NotFound):
    """It was there and was purged."""


class NotPossible(Problem):
    """The job's state does not allow it."""


class NotFinished(NotPossible):
    """The job has not ended yet."""


class InFlight(NotPossible):
    """Another request with the same key is still being answered."""


class ChangedMeanwhile(Problem):
    """The job is no longer as it was when it was read; `refresh` it, and decide anew."""


class Busy(Problem):
    """Too often, or too many jobs that wait."""


class Unreachable(MillraceError):
    """There was no answer."""


class Damaged(MillraceError):
    """A download is not the file that the server named; nothing was saved."""


class StillGoing(MillraceError):
    """The time to wait is over; the job goes on."""


class JobFailed(MillraceError):
    """The job ended without success."""

    def __init__(self, id: str, state: str, code: str, error: str) -> None:
        self.id, self.state, self.code, self.error = id, state, code, error
        super().__init__(f"Job {id} {state} ({code}): {error}")


BY_CODE: Mapping[str, type[Problem]] = {
    "bad_payload": BadPayload,
    "unknown_kind": UnknownKind,
    "bad_filter": BadFilter,
    "key_reused": KeyReused,
    "bad_cursor": BadCursor,
    "not_finished": NotFinished,
    "key_in_flight": InFlight,
}
BY_STATUS: Mapping[int, type[Problem]] = {
    401: BadToken,
    403: NotAllowed,
    404: NotFound,
    409: NotPossible,
    410: Gone,
    412: ChangedMeanwhile,
    422: Refused,
    429: Busy,
}


def problem_of(status: int, body: Any) -> Problem:
    """The error for an answer; a body that is no problem (a proxy's page) counts as none."""
    found = body if isinstance(body, Mapping) else {}
    code = str(found.get("code", ""))
    return BY_CODE.get(code, BY_STATUS.get(status, Problem))(status, found)
