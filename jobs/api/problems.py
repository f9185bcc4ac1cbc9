"""What can go wrong at this door, by code: RFC 9457 problems, and what the page behind each `type` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from jobs.errors import MillraceError

T = TypeVar("T")

MEDIA_TYPE = "application/problem+json"
MOST = 1000
"""How many places an answer names."""
MOST_OF_ONE = 10
"""How many each job of a batch may name, which has up to ten thousand."""


class About(NamedTuple):
    """A kind of problem: its status, its title, and how to mend it."""

    status: int
    title: str
    mend: str


CATALOGUE: dict[str, About] = {
    "malformed_json": About(
        400,
        "The body is not JSON",
        "Send one JSON document in UTF-8, without `NaN`, `Infinity` or a name that stands twice in an object,"
        " and nested at most 64 deep. `detail` says where it breaks off.",
    ),
    "bad_request": About(
        400, "The request did not arrive whole", "Send it again. `detail` says what could not be read."
    ),
    "bad_key": About(
        400,
        "This is no idempotency key",
        'Give `Idempotency-Key` 1 to 255 printable ASCII characters, bare or as `"a quoted string"`.',
    ),
    "no_key_here": About(
        400,
        "No idempotency key here",
        "Leave `Idempotency-Key` out: an answer with a secret is not kept to be sent again. If one was"
        " lost, look whether the thing was made; remove it if so, and make another.",
    ),
    "bad_filter": About(
        422,
        "The filter is not understood",
        "`errors` names the word, its column and what would be valid.",
    ),
    "bad_cursor": About(
        400,
        "The cursor is not one of ours",
        "Take `next` as the answer gave it, with the same filter, or leave `cursor` out to begin anew.",
    ),
    "no_token": About(
        401,
        "Say who you are",
        "Send `Authorization: Bearer mill_…`. `manage.py token create` makes a token, and so does the page"
        " *Tokens*.",
    ),
    "bad_token": About(
        401, "This token is not good", "It was mistyped, has expired or was revoked: make a new one."
    ),
    "missing_scope": About(
        403,
        "The token may not do this",
        "Make a token with the scope that `detail` names. A token's scopes do not change.",
    ),
    "not_allowed": About(
        403, "You may not do this", "Its owner, an operator or an admin may; ask one to do it or to let you."
    ),
    "no_csrf": About(
        403,
        "The page's own token is missing",
        "A page that signed in by cookie sends `X-CSRFToken`. Programs use a bearer token instead.",
    ),
    "not_found": About(
        404,
        "There is nothing here",
        "Look at the id and the address. What is another's looks as if it were not there.",
    ),
    "method_not_allowed": About(405, "Not by this method", "`Allow` names the methods it takes."),
    "not_possible": About(
        409, "Its state does not allow this", "Look at the job: `detail` says what state it is in."
    ),
    "not_finished": About(
        409, "It has not ended yet", "Ask again after `Retry-After`, or wait for the job's events."
    ),
    "no_stream": About(
        501,
        "Nothing is streamed here",
        "Leave `Accept: text/event-stream` out and ask again now and then, or serve ASGI with `jobs.live`"
        " (*Run jobs and workers inside my own Django project*).",
    ),
    "full": About(
        503,
        "No place is free",
        "So many wait for their jobs, or follow them, that there is no room for one more: ask again after"
        " `Retry-After`, or look without waiting.",
    ),
    "key_in_flight": About(
        409,
        "The first request with this key is still being answered",
        "Send the same request again after `Retry-After`; then you get the first one's answer.",
    ),
    "gone": About(410, "It was here and is gone", "Its time was over and it was purged. Submit a new one."),
    "changed_meanwhile": About(
        412,
        "The job has changed since you looked",
        "Get it again: its `ETag` goes into `If-Match` once you have seen what it is now.",
    ),
    "no_if_match": About(
        428,
        "Say which state of the job you mean",
        "Send `If-Match` with the `ETag` that you got with the job, so that nobody's change is lost.",
    ),
    "too_large": About(413, "Too large", "Send less at once: `detail` says how much is accepted."),
    "unsupported_media_type": About(
        415,
        "Not in this format",
        "Send JSON with `Content-Type: application/json`; files as `multipart/form-data`.",
    ),
    "invalid": About(
        422,
        "Something in the request does not fit",
        "`errors` lists every place and why; of more than 1,000 the first, and an entry with the code `more`"
        " that counts the rest.",
    ),
    "bad_payload": About(
        422,
        "The payload does not fit its kind",
        "`errors` lists every place, as a JSON pointer into what you sent, and why; of more than 1,000 (in a"
        " batch: than 10 of one job) the first, and an entry with the code `more` that counts the rest."
        " `GET /kinds/{name}` has the schema.",
    ),
    "unknown_kind": About(422, "There is no such kind", "`GET /kinds` lists them all."),
    "bad_schedule": About(
        422, "This schedule would not fire as it is", "`errors` lists every place and why."
    ),
    "batch_refused": About(
        422,
        "A job of this atomic batch does not fit",
        "`errors` lists every place from the top of the body, up to 10 of each job and 1,000 of all; an entry"
        " with the code `more` counts the rest. Nothing was accepted: send all again.",
    ),
    "unknown_parameter": About(
        422,
        "A parameter in the address is not known",
        "`errors` names each, and the nearest one that there is. Nothing was done.",
    ),
    "bad_upload": About(
        422, "This file is not accepted", "It is empty, too large or of the wrong type: `detail` says which."
    ),
    "bad_report": About(
        422,
        "This report is not taken",
        "It is none, returns nothing of the mail, or is about no mail of ours: `detail` says which. Sending"
        " it again will not help.",
    ),
    "bad_sheet": About(
        422,
        "This file is no list of suppressions",
        "It is no CSV in UTF-8, or too long: `detail` says which, and where. Nothing was added.",
    ),
    "key_reused": About(
        422,
        "This idempotency key was used for something else",
        "Use a new key for a new request. The same key is for sending the very same request again.",
    ),
    "refused": About(422, "This cannot be accepted", "`detail` says why, and what would be."),
    "busy": About(429, "Too often", "Ask again after `Retry-After`. `RateLimit` says how much is left."),
    "quota": About(
        429, "Too many of your jobs wait", "Submit more once some have ended, or cancel some of them."
    ),
    "internal": About(
        500,
        "Something broke on our side",
        "It has been written down under `request_id`. Nothing was half done. Try again.",
    ),
    "unavailable": About(
        503,
        "The database is away",
        "Send the same request again after `Retry-After`, with the same `Idempotency-Key`: if the connection"
        " broke as it was being committed it may have been done, and the key makes it once.",
    ),
}  # fmt: skip


class Wrong(NamedTuple):
    """One place in a request that does not fit: a JSON pointer (or a parameter's name), why, and a code."""

    pointer: str
    detail: str
    code: str


def wrongs(found: Sequence[T], read: Callable[[T], Wrong], *, most: int = MOST) -> list[Wrong]:
    """The first places that do not fit, and how many more: an answer does not grow with its request."""
    told = [read(each) for each in found[:most]]
    if len(found) > most:
        told.append(Wrong("", f"{len(found) - most:,} more places do not fit", "more"))
    return told


class Refused(MillraceError):
    """What this door itself refuses, by the code of the catalogue."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[Wrong] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.errors = errors
        self.headers = headers or {}


def problem(
    request: HttpRequest | None,
    code: str,
    detail: str,
    errors: Sequence[Wrong] = (),
    *,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The answer: `application/problem+json`, never cached."""
    about = CATALOGUE[code]
    body = describe(code, detail, errors)
    if request is not None:
        body["instance"] = request.path
    answer = HttpResponse(
        json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        status=about.status,
        content_type=MEDIA_TYPE,
    )
    answer["Cache-Control"] = "no-store"
    for name, value in (headers or {}).items():
        answer[name] = value
    return answer


def describe(code: str, detail: str, errors: Sequence[Wrong] = ()) -> dict[str, object]:
    """A problem as an object: the same as an answer of its own and as an entry of a batch."""
    about = CATALOGUE[code]
    body: dict[str, object] = {
        "type": reverse("millrace_api:problem", args=[code]),
        "title": about.title,
        "status": about.status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = [wrong._asdict() for wrong in errors]
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        body["request_id"] = request_id
    return body


def pointer(steps: Sequence[str | int]) -> str:
    """A path of keys as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
