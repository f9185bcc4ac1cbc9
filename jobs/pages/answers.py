"""How a page answers: inside the frame, and with a page of our own when something is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render, resolve_url
from django.urls import NoReverseMatch, reverse

from jobs.conf import conf
from jobs.errors import Busy, Gone, MillraceError, NotAllowed, NotFound, UnknownKind
from jobs.owners import can_operate, can_submit

View = Callable[..., HttpResponseBase]
DJANGOS_LOGIN_URL = "/accounts/login/"
AWAY_SECONDS = 5
"""When to come again while the database is away."""
THEMES = frozenset({"light", "dark"})


class Answer(NamedTuple):
    """What an error page says."""

    status: int
    title: str
    text: str


ANSWERS = {
    400: Answer(400, "That did not arrive whole", "Please go back, reload the page and try once more."),
    403: Answer(403, "This is not for you to do", "Ask an operator to do it, or to give you the right."),
    404: Answer(404, "Nothing here", "There is no such page, or it is not yours to see."),
    410: Answer(410, "It was here once", "It has been cleaned up."),
    429: Answer(429, "A little slower, please", "There were too many requests from your address."),
    503: Answer(
        503,
        "Back in a moment",
        "The database cannot be asked right now. No accepted job is lost. Please try again in a few seconds."
        " If you had just sent something, look whether it was done before you send it again.",
    ),
    500: Answer(
        500, "Something broke on our side", "It has been written down. Please try again in a moment."
    ),
}
STATUS: dict[type[MillraceError], int] = {
    Gone: 410,
    NotFound: 404,
    UnknownKind: 404,
    NotAllowed: 403,
    Busy: 429,
}


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """A template of ours, with what the frame around it shows."""
    return render(request, f"millrace/{template}", frame(request) | (context or {}), status=status)


def frame(request: HttpRequest) -> dict[str, Any]:
    """What every page shows besides its own matter."""
    theme = request.COOKIES.get("theme", "")
    is_operator = can_operate(request.user)
    return {
        "person": request.user if request.user.is_authenticated else None,
        "is_operator": is_operator,
        "can_submit": can_submit(request.user),
        "theme": theme if theme in THEMES else "",
        "redirect": conf().email_redirect_to if request.user.is_authenticated else "",
        "flower_url": optional_url("flower") if is_operator and getattr(settings, "FLOWER_URL", None) else "",
        "admin_url": optional_url("admin:index") if getattr(request.user, "is_staff", None) else "",
    }


def optional_url(name: str) -> str:
    """Where a door is that this project may not have."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def door(view: View) -> View:
    """Refusals become pages of our own."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except MillraceError as error:
            return refused(request, error)

    return guarded


def signed_in(view: View) -> View:
    """A door for people with an account; others are asked to sign in first."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return ask_to_sign_in(request)
        return door(view)(request, *args, **kwargs)

    return guarded


def for_operators(view: View) -> View:
    """A door for operators; to others it does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not can_operate(request.user):
            raise NotFound("There is no such page, or it is not yours to see.")
        return view(request, *args, **kwargs)

    return signed_in(guarded)


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page, and afterwards back; a live part makes the whole page reload."""
    if is_live(request):
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    chosen = settings.LOGIN_URL if settings.LOGIN_URL != DJANGOS_LOGIN_URL else "sign-in"
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("catalogue")
    return redirect_to_login(back, resolve_url(chosen))


def is_live(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def refused(request: HttpRequest, error: MillraceError) -> HttpResponse:
    """The page for an error of ours."""
    status = next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 400)
    response = error_page(request, status, str(error))
    if isinstance(error, Busy):
        response["Retry-After"] = str(error.retry_after_seconds)
    if is_live(request):
        response["HX-Refresh"] = "true"
    return response


def error_page(request: HttpRequest, status: int, text: str = "") -> HttpResponse:
    answer = ANSWERS.get(status, ANSWERS[400])
    return page(request, "error.html", {"answer": answer, "text": text or answer.text}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: an unknown host is refused before anybody asked who it is."""
    return bare_error_page(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return error_page(request, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return error_page(
        request,
        403,
        "This form had been open for too long, or cookies are off. Reload the page and send it again.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: asks nobody anything, for the database may be what broke."""
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return bare_error_page(request, 500)
    response = bare_error_page(request, 503)
    response["Retry-After"] = str(AWAY_SECONDS)
    return response


def bare_error_page(request: HttpRequest, status: int) -> HttpResponse:
    """An error page that knows nobody."""
    answer = ANSWERS[status]
    context = {"answer": answer, "text": answer.text, "theme": "", "is_at_door": True}
    return render(request, "millrace/error.html", context, status=status)
