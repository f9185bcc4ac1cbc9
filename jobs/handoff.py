"""Hand-offs: a view that is done leaves the rest of its request to the event loop.

Django's views run in threads with a database connection each, too dear to wait in. So a view looks who asks
and for what, and answers as if nobody waited, with a header by which `jobs.live` (an ASGI application
around Django's) knows what may still come. The header never leaves the process. Where nothing stands around
Django (WSGI) the answer is simply what the view said.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from jobs.conf import conf

HEADER = "X-Millrace-Handoff"
MARK = "millrace.live"
"""What an ASGI scope has where a hand-off is taken."""
WAIT, STREAM = "wait", "stream"
PREFERENCE = re.compile(r'(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;[^,]*)?(?=,|$)', re.IGNORECASE)
EVENT_ID = re.compile(r"(\d{1,9})\.(\d{1,18})\Z")


OF_STREAMS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every stream."""


class Handoff(NamedTuple):
    """What is left to do: wait for a job's end and then ask `path` again, or stream its events."""

    what: str
    job: UUID
    who: str
    seconds: float = 0
    path: str = ""
    last_id: str = ""

    def as_text(self) -> str:
        return json.dumps(self, default=str)

    @classmethod
    def read(cls, text: str) -> Handoff:
        what, job, *rest = json.loads(text)
        return cls(what, UUID(job), *rest)


def wished_seconds(request: HttpRequest) -> float:
    """How long the caller would wait (RFC 7240), at most as long as the settings allow; 0 = not at all."""
    found = PREFERENCE.search(request.headers.get("Prefer", ""))
    return min(float(found[1]), conf().wait_seconds) if found else 0.0


def is_waited_for(request: HttpRequest) -> bool:
    """Whether the caller would wait, and somebody can hold the answer back; HEAD waits for nothing."""
    return not is_head(request) and wished_seconds(request) > 0 and is_taken(request)


def wait_for(request: HttpRequest, answer: HttpResponseBase, job: UUID, *, path: str) -> HttpResponseBase:
    """The answer, kept back while the caller's `Prefer: wait` lasts: once the job has ended, `path` is asked.

    Call it only with an answer that may be shown to this caller, about a job that has not ended.
    """
    if is_waited_for(request):
        answer[HEADER] = Handoff(WAIT, job, who(request), wished_seconds(request), path).as_text()
    return answer


def stream(request: HttpRequest, answer: HttpResponseBase, job: UUID) -> HttpResponseBase:
    """The job's events instead of the answer, which is for the case that no place is free.

    HEAD gets the headers of a stream, and takes no place.
    """
    assert is_taken(request), "ask `is_taken` first"
    if is_head(request):
        return HttpResponse(headers=OF_STREAMS)
    last_id = request.headers.get("Last-Event-ID", "")
    answer[HEADER] = Handoff(STREAM, job, who(request), last_id=last_id[:40]).as_text()
    return answer


def is_taken(request: HttpRequest) -> bool:
    """Whether somebody around Django takes hand-offs: not under WSGI."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    return bool(scope.get(MARK))


def is_head(request: HttpRequest) -> bool:
    """Whether the caller sent HEAD, which the API's views see as GET: the scope knows."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    return scope.get("method", request.method) == "HEAD"


def wants_stream(request: HttpRequest) -> bool:
    """Whether the caller asks for events as they come."""
    return "text/event-stream" in request.headers.get("Accept", "")


def has_heard_all(request: HttpRequest, version: int) -> bool:
    """Whether this caller was told that version already: of an ended job there is nothing more to tell."""
    found = EVENT_ID.match(request.headers.get("Last-Event-ID", ""))
    return found is not None and int(found[1]) >= version


def who(request: HttpRequest) -> str:
    """Whose places are counted together."""
    user = getattr(request, "user", None)
    return str(user.pk if user is not None and user.is_authenticated else request.META.get("REMOTE_ADDR", ""))
