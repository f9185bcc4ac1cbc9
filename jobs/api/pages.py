"""The pages of this door for people: what there is to ask, and what a problem means."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.api.openapi import description
from jobs.api.problems import CATALOGUE
from jobs.api.told import rooms_of
from jobs.errors import NotFound
from jobs.pages.answers import door, page

EXAMPLE = """\
curl {base}/jobs \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Idempotency-Key: welcome-4711" \\
  --json '{{"kind": "email.send",
           "payload": {{"to": ["ada@example.org"], "subject": "Hello", "text": "The wheel turns."}}}}'
"""


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
    base = reverse("millrace_api:api-root").rstrip("/")
    context = {
        "section": "api",
        "base": base,
        "example": EXAMPLE.format(base=request.build_absolute_uri(base)),
        "problems": list(CATALOGUE),
        "rooms": rooms_of(description()),
    }
    return page(request, "api.html", context)
