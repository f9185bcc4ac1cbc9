"""The headers of this door, for its description: what an operation reads, and what its answers carry."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from jobs.api.idempotent import HEADER as KEY

Described = dict[str, Any]

HEADERS = "#/components/headers/"
TEXT: Described = {"type": "string"}
SECONDS: Described = {"type": "integer", "minimum": 0}


def described(text: str, schema: Described = TEXT) -> Described:
    return {"description": text, "schema": schema}


COMPONENTS: dict[str, Described] = {
    "Accept": described("The format that is taken."),
    "Accept-Patch": described("The format of changes that is taken."),
    "Allow": described("The methods that are taken."),
    "Cache-Control": described("What one person may see is kept for nobody else."),
    "Content-Disposition": described("The name of the file."),
    "ETag": described(
        "For `If-None-Match` and `If-Match`: the version, and a mark of what moves without it."
    ),
    "Idempotent-Replayed": described("`true`: this is the first answer once more.", {"const": "true"}),
    "Link": described('RFC 8288: `rel="next"`, `rel="prev"` of a page; `rel="describedby"` of a job.'),
    "Location": described("Where it is."),
    "Preference-Applied": described("`wait=N`: the answer was held back, at most so long."),
    "RateLimit": described('What is left of each limit: `"submits";r=99;t=1`.'),
    "RateLimit-Policy": described('The limits: `"submits";q=100;w=60`.'),
    "Retry-After": described("When to look or to ask again, in seconds.", SECONDS),
    "WWW-Authenticate": described(
        '`Bearer realm="millrace"`, with what is wrong with a token that was sent.'
    ),
    "X-Request-ID": described("The name of this request in the log; the caller's own if it sent a good one."),
}
ALWAYS = ("X-Request-ID", "Cache-Control")
OF_STATUS: dict[int, tuple[str, ...]] = {
    201: ("Location",),
    202: ("Location", "Retry-After"),
    303: ("Location",),
    304: ("ETag",),
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    409: ("Retry-After",),
    415: ("Accept", "Accept-Patch"),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}
OF_JOB = ("ETag", "Link", "Retry-After")
"""What every answer carries that shows a job as it is now."""
OF_OPERATION: dict[tuple[str, int], tuple[str, ...]] = {
    ("list_jobs", 200): ("Link",),
    ("get_log", 200): ("Link",),
    ("get_items", 200): ("Link",),
    ("list_suppressions", 200): ("Link",),
    ("export", 200): ("Content-Disposition",),
    ("export_suppressions", 200): ("Content-Disposition",),
    ("get_file", 200): ("Content-Disposition", "ETag"),
}
DRAWS = {"submit", "submit_batch", "rerun", "retry", "decide", "upload", "get_job", "get_events"}
"""The operations that draw from a limit, always or when they wait or stream."""


def parameter(name: str, text: str, schema: Described, *, is_required: bool = False) -> Described:
    return {"in": "header", "name": name, "required": is_required, "description": text, "schema": schema}


TAKES_KEY = parameter(
    KEY,
    "The same key and body again get the first answer, with `Idempotent-Replayed: true`.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ !#-~]*[!#-~])?$"},
)
PREFER = parameter(
    "Prefer",
    "`wait=N` (RFC 7240): hold the answer back until the job has ended, at most N seconds.",
    TEXT,
)
OF_REQUEST: dict[str, tuple[Described, ...]] = {
    "get_job": (parameter("If-None-Match", "The `ETag` that you have: 304 if it is the job's still.", TEXT),),
    "get_file": (parameter("If-None-Match", "The `ETag` that you have: 304.", TEXT),),
    "change": (
        parameter(
            "If-Match",
            "The `ETag` of the job as you saw it, several, or `*`.",
            {"type": "string", "pattern": r'^(\*|"[0-9]{1,9}-[0-9a-f]{1,8}")$'},
            is_required=True,
        ),
    ),
    "get_events": (
        parameter(
            "Last-Event-ID",
            "The `id` of the last event that you heard: the stream goes on behind it.",
            TEXT,
        ),
    ),
}


def parameters(name: str, view: Callable[..., Any]) -> list[Described]:
    """The headers that an operation reads."""
    return [
        *OF_REQUEST.get(name, ()),
        *([PREFER] if may_wait(name, view) else []),
        *([TAKES_KEY] if hasattr(view, "takes_key") else []),
    ]


def response_headers(names: Collection[str]) -> Described:
    """These and what every answer carries, by reference."""
    return {name: {"$ref": HEADERS + name} for name in sorted({*ALWAYS, *names})}


def carried(name: str, view: Callable[..., Any], status: int, *, shows_job: bool) -> set[str]:
    """What the answer of an operation carries."""
    found = {*OF_STATUS.get(status, ()), *OF_OPERATION.get((name, status), ())}
    if shows_job:
        found |= set(OF_JOB)
    if 200 <= status < 300:
        if hasattr(view, "takes_key"):
            found.add("Idempotent-Replayed")
        if may_wait(name, view):
            found |= {"Preference-Applied", *(("Location",) if name != "get_job" else ())}
        if name in DRAWS:
            found |= {"RateLimit", "RateLimit-Policy"}
    return found


def may_wait(name: str, view: Callable[..., Any]) -> bool:
    """Whether `Prefer: wait` holds the answer back."""
    return name == "get_job" or hasattr(view, "may_wait")
