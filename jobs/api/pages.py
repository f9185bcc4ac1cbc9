"""The pages of this door for people: what a problem means."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from jobs.api.openapi import description
from jobs.api.problems import CATALOGUE
from jobs.errors import NotFound
from jobs.pages.answers import door, page


@require_safe
@door
def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """What the `type` of a problem leads to."""
    about = CATALOGUE.get(code)
    if about is None:
        raise NotFound("There is no problem of this name.")
    return page(request, "problem.html", {"code": code, "about": about})


@require_safe
@door
def docs_page(request: HttpRequest) -> HttpResponse:
    """Every operation, in words."""
    return page(request, "api.html", {"api": description()})
