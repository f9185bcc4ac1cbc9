"""Who asks: a program by its token, or a page of ours by its session and CSRF token."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from ninja.utils import check_csrf

from jobs import owners
from jobs.api.problems import Refused
from jobs.errors import BadToken, NotAllowed
from jobs.owners import can_operate
from jobs.tokens import Holder, Scope, find_token

SCHEME = "bearer"


class Bearer:
    """An operation's `auth`: sets `request.auth` to the Holder and `request.user` to its limited user.

    With a header it is the token or nobody; without one, whoever is signed in in this browser.
    """

    openapi_security_schema = {
        "type": "http",
        "scheme": "bearer",
        "description": "A token: `manage.py token create`, or the page *Tokens*.",
    }

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Holder | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        holder = by_token(header) if header is not None else by_session(request)
        if holder is None:
            return None
        if self.scope is not None and self.scope not in holder.scopes:
            raise Refused(
                "missing_scope",
                f"This needs a token with the scope {self.scope.value!r}; yours has:"
                f" {', '.join(sorted(holder.scopes))}.",
            )
        request.user = holder.user
        return holder


ANYBODY = Bearer(None)
READ = Bearer(Scope.READ)
SUBMIT = Bearer(Scope.SUBMIT)
CANCEL = Bearer(Scope.CANCEL)
OPERATE = Bearer(Scope.OPERATE)
BOUNCES = Bearer(Scope.BOUNCES)


def by_token(header: str) -> Holder:
    """Who acts with this `Authorization`; raises BadToken."""
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != SCHEME:
        raise BadToken("Only tokens open this door: send Authorization: Bearer mill_…")
    return find_token(secret.strip())


def by_session(request: HttpRequest) -> Holder | None:
    """Who is signed in; raises Refused where something else than our own page asks in their name."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    if check_csrf(request) is not None:
        raise Refused("no_csrf", "A page that asks in your name must send its X-CSRFToken.")
    return Holder(cast(Any, user), frozenset(Scope), None)


def holder_of(request: HttpRequest) -> Holder:
    """Who asks, inside an operation."""
    return cast(Holder, request.auth)  # type: ignore[attr-defined]


def must_submit(request: HttpRequest) -> None:
    """Raises NotAllowed for accounts that may only look."""
    owners.must_submit(request.user)


def must_operate(request: HttpRequest) -> None:
    """Raises NotAllowed for everybody but operators."""
    if not can_operate(request.user):
        raise NotAllowed("Only operators do this. Ask one, or an admin for the role “operator”.")
