"""How this door answers: JSON of our own making, and every error as a problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pydantic
import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja.errors import AuthenticationError, HttpError, ValidationError

from jobs.api.problems import CATALOGUE, MOST, Refused, Wrong, pointer, problem, wrongs
from jobs.bucket import Empty
from jobs.errors import BadFilter, BadPayload, BadSchedule, BadToken, Busy, InFlight, MillraceError
from jobs.finding import finding_text

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5
"""When to ask again while the database is away."""
CHALLENGE = 'Bearer realm="millrace"'


def answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON document."""
    return answer_text(json.dumps(body, ensure_ascii=False), status=status, headers=headers)


def answer_text(text: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """JSON that was written before. Private: what one person may see is kept for nobody else."""
    found = HttpResponse(text, status=status, content_type="application/json")
    found["Cache-Control"] = "private, no-cache"
    for name, value in (headers or {}).items():
        found[name] = value
    return found


def refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """The one place that turns errors into answers."""
    match error:
        case Refused():
            return problem(request, *explain(error), headers=error.headers)
        case MillraceError():
            return of_ours(request, error)
        case ValidationError():
            return unfit(request, error)
        case AuthenticationError():
            detail = "This door wants to know who asks: send Authorization: Bearer mill_…"
            return problem(request, "no_token", detail, headers={"WWW-Authenticate": CHALLENGE})
        case HttpError() if isinstance(error.__cause__, MillraceError):
            return refused(request, error.__cause__)
        case RequestDataTooBig():
            detail = "A body of JSON may have 2 MB. Send less at once, or files by POST /uploads."
            return problem(request, "too_large", detail)
        case Http404():
            return problem(request, "not_found", f"There is nothing at {request.path}.")
        case UnreadablePostError() | MultiPartParserError() | TooManyFieldsSent() | SuspiciousOperation():
            return problem(request, "bad_request", f"The body could not be read: {error}")
        case HttpError():
            return problem(request, "bad_request", str(error))
        case OperationalError() | InterfaceError():
            return away(request, error)
        case _:
            log.exception("api_failed", path=request.path, method=request.method, exc_info=error)
            return problem(request, "internal", "Something broke on our side. It has been written down.")


def of_ours(request: HttpRequest, error: MillraceError) -> HttpResponse:
    """An error of the verbs, with what its status wants in the headers."""
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Empty):
        headers |= error.level.headers()
    if isinstance(error, InFlight):
        headers["Retry-After"] = "1"
    if isinstance(error, BadToken):
        headers["WWW-Authenticate"] = f'{CHALLENGE}, error="invalid_token"'
    return problem(request, *explain(error), headers=headers)


def explain(error: MillraceError, *, most: int = MOST) -> tuple[str, str, list[Wrong]]:
    """Code, detail and places of an error of ours, under its own code where the catalogue has it."""
    code = error.code if error.code in CATALOGUE else "refused"
    wrong: list[Wrong] = []
    match error:
        case Refused():
            wrong = list(error.errors)
        case BadPayload():
            wrong = wrongs(
                error.problems,
                lambda found: Wrong(pointer(("payload", *found.where)), found.why, code),
                most=most,
            )
        case BadFilter():
            wrong = [Wrong("query:filter", f"column {error.column}, {error.word}: {error.why}", code)]
        case BadSchedule():
            wrong = wrongs(error.problems, lambda found: Wrong(pointer(found.where), found.why, code))
    return code, str(error), wrong


def unfit(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """What does not fit the operation's own declaration."""
    wrong = wrongs(error.errors, place)
    detail = "; ".join(f"{each.pointer or 'the body'}: {each.detail}" for each in wrong[:3])
    return problem(request, "invalid", detail, errors=wrong)


def place(found: Mapping[str, Any]) -> Wrong:
    """A finding of pydantic's. The body's places are JSON pointers, a parameter is called by its name."""
    source, *steps = found["loc"]
    where = pointer(steps[1:]) if source == "body" else f"{source}:{'.'.join(map(str, steps[-1:]))}"
    return Wrong(where, finding_text(found), str(found["type"]))


def misfits(error: pydantic.ValidationError, *, most: int = MOST) -> list[Wrong]:
    """The findings about a part of a body that was validated apart."""
    return wrongs(
        error.errors(include_url=False, include_input=False, include_context=False),
        lambda found: Wrong(pointer(found["loc"]), finding_text(found), found["type"]),
        most=most,
    )


def away(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    """The database did not answer, or broke off: nothing was done, unless it broke while it committed."""
    log.warning("api_unavailable", path=request.path, error=str(error).strip())
    detail = (
        "The database cannot be asked right now. Send the same again; the same Idempotency-Key makes it once."
    )
    return problem(request, "unavailable", detail, headers={"Retry-After": str(AGAIN_SECONDS)})
