"""`Idempotency-Key`: the same request again gets the first one's answer, word for word.

Key, job and answer are one transaction: if we die before its commit nothing was done and the key is free;
after it the next request finds the answer. While it runs a second one is told so (409) and does not wait.
Where a job is all that is done (`idempotent_submit`) they are one statement, and the key is looked up only if
that finds it taken.

Every POST takes a key or refuses one (`keyless`). GET, PUT and DELETE do the same however often they are
sent, so there a key means nothing, and is ignored.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from jobs.api.answers import answer_text
from jobs.api.auth import holder_of
from jobs.api.limits import are_submits_counted
from jobs.api.problems import Refused
from jobs.database import DJANGO
from jobs.errors import MillraceError
from jobs.idempotency import Key, Promise, Taken, fingerprint, keep_answer, look_up, recall

V = TypeVar("V", bound=Callable[..., Any])
Call = Callable[[], HttpResponse]

HEADER = "Idempotency-Key"
QUOTED = re.compile(r'"(?P<text>(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"\Z')
BARE = re.compile(r"[\x21\x23-\x7e][\x20-\x21\x23-\x7e]{0,254}\Z")
KEPT = ("Location", "Retry-After", "ETag")
"""The headers that belong to an answer."""


def body_of(request: HttpRequest) -> str:
    """What was asked: every byte of the body."""
    return hashlib.sha256(request.body).hexdigest()


def idempotent(operation: V) -> V:
    """An operation that answers the same to the same key and body; without a key it is as it was."""
    return idempotent_for(body_of)(operation)


def idempotent_for(asked: Callable[[HttpRequest], str]) -> Callable[[V], V]:
    """The same, where something else than the body says what was asked."""
    return lambda operation: once_only(operation, asked)


def idempotent_submit(operation: V) -> V:
    """The same for an operation whose one deed is a job that it submits with `promise_of` its answer."""
    return once_only(operation, body_of, is_submit=True)


def keyless(operation: V) -> V:
    """An operation whose answer shows a secret: that is not kept, so a key is refused rather than ignored."""

    @wraps(operation)
    def without(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if HEADER in request.headers:
            raise Refused("no_key_here", f"The answer shows a secret, which is not kept: leave {HEADER} out.")
        answered: HttpResponse = operation(request, *args, **kwargs)
        return answered

    without.refuses_key = True  # type: ignore[attr-defined]
    without.__signature__ = inspect.signature(operation, eval_str=True)  # type: ignore[attr-defined]
    return without  # type: ignore[return-value]


def once_only(operation: V, asked: Callable[[HttpRequest], str], *, is_submit: bool = False) -> V:
    """The operation with its key."""

    @wraps(operation)
    def once(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        call: Call = partial(operation, request, *args, **kwargs)
        given = request.headers.get(HEADER)
        if given is None:
            return call()
        key = Key(scope_of(request), read_key(given))
        print_ = fingerprint(request.META.get("QUERY_STRING", ""), asked(request))
        return in_statement(request, call, key, print_) if is_submit else in_transaction(call, key, print_)

    # ninja reads the parameters where they were declared; this module knows none of their types.
    once.takes_key = True  # type: ignore[attr-defined]
    once.__signature__ = inspect.signature(operation, eval_str=True)  # type: ignore[attr-defined]
    return once  # type: ignore[return-value]


def in_transaction(call: Call, key: Key, print_: str) -> HttpResponse:
    """The first answer to the key; there is none before the call, which then is part of its transaction."""
    with transaction.atomic():
        if known := recall(key, print_=print_, db=DJANGO):
            return replay(known)
        answered = call()
        keep_answer(key, kept(answered), print_=print_, db=DJANGO)
    return answered


def in_statement(request: HttpRequest, call: Call, key: Key, print_: str) -> HttpResponse:
    """The same, where the call's statement claims the key: a first answer is looked for only afterwards."""
    if are_submits_counted() and (known := look_up(key, print_=print_, db=DJANGO)):
        return replay(known)
    request.key = (key, print_)  # type: ignore[attr-defined]
    try:
        return call()
    except Taken:
        pass
    except MillraceError:
        # Whatever stands in the way of a second job, the first one's answer comes before it.
        with transaction.atomic():
            if known := recall(key, print_=print_, db=DJANGO):
                return replay(known)
        raise
    finally:
        del request.key  # type: ignore[attr-defined]
    return in_transaction(call, key, print_)


def promise_of(request: HttpRequest, answered: HttpResponse) -> Promise | None:
    """What is to be kept in the statement that does what the answer tells; None without a key."""
    key, print_ = getattr(request, "key", (None, ""))
    return Promise(key, print_, kept(answered)) if key else None


def scope_of(request: HttpRequest) -> str:
    """Whose key, and for what: the same word of two people, or at two addresses, is two keys."""
    return f"api:{holder_of(request).name}:{request.method} {request.path}"


def read_key(given: str) -> str:
    """The key, from an RFC 8941 string or bare; raises Refused."""
    given = given.strip()
    if quoted := QUOTED.match(given):
        return re.sub(r"\\(.)", r"\1", quoted["text"])
    if BARE.match(given):
        return given
    raise Refused("bad_key", f'{HEADER} takes 1 to 255 printable ASCII characters, bare or in "quotes".')


def kept(answered: HttpResponse) -> dict[str, Any]:
    """An answer as the table keeps it; the body as text, for JSON columns forget the order of names."""
    return {
        "status": answered.status_code,
        "headers": {name: answered[name] for name in KEPT if name in answered},
        "body": answered.content.decode(),
    }


def replay(known: dict[str, Any]) -> HttpResponse:
    """The first answer once more."""
    headers = known["headers"] | {"Idempotent-Replayed": "true"}
    return answer_text(known["body"], status=known["status"], headers=headers)
