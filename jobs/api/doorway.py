"""Around every operation: HEAD reads like GET, and what ninja answers by itself becomes a problem."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from jobs.api.limits import levels_of
from jobs.api.problems import problem

View = Callable[..., Any]


def wrap(view: View) -> View:
    """The view of a path with all its operations, asynchronous if one of them is."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def later(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            as_get(request)
            return told(request, await view(request, *args, **kwargs))

        return later

    @wraps(view)
    def at_once(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        as_get(request)
        return told(request, view(request, *args, **kwargs))

    return at_once


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponseBase:
    """Every address that no operation has."""
    detail = f"There is nothing at {request.path}. {reverse('millrace_api:docs')} lists what is."
    return problem(request, "not_found", detail)


def as_get(request: HttpRequest) -> None:
    """The server leaves the body out of an answer to HEAD."""
    if request.method == "HEAD":
        request.method = "GET"


def told(request: HttpRequest, answered: HttpResponseBase) -> HttpResponseBase:
    """With what is left of a limit; a method that is not allowed becomes a problem."""
    if not isinstance(answered, HttpResponseNotAllowed):
        for level in levels_of(request):
            for name, value in level.headers().items():
                answered[name] = f"{answered[name]}, {value}" if name in answered else value
        return answered
    named = set(answered["Allow"].split(", "))
    allowed = sorted(named | ({"HEAD"} if "GET" in named else set()))
    detail = f"{request.path} takes {', '.join(allowed)}, not {request.method}."
    return problem(request, "method_not_allowed", detail, headers={"Allow": ", ".join(allowed)})
