"""The description of this door for programs: OpenAPI 3.1, made from the operations and the kinds."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from jobs.api.answers import answer
from jobs.api.api import api


def openapi_json(request: HttpRequest) -> HttpResponse:
    """The description, for everybody: it tells nothing of anybody."""
    return answer(description())


def description() -> dict[str, Any]:
    """The whole document."""
    return dict(api.get_openapi_schema())
