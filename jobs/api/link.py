"""`Link` (RFC 8288): where to go on from an answer, for programs that follow it without reading the body."""

from __future__ import annotations

from django.http import HttpRequest, QueryDict
from django.urls import reverse


def page_links(request: HttpRequest, **parameters: dict[str, str | None]) -> dict[str, str]:
    """The header for the pages beside this one, by relation: the same address with other parameters.

    A parameter of None is left out of the address, a page whose parameters are empty out of the header.
    """
    found = [link(address(request, changed), name) for name, changed in parameters.items() if changed]
    return {"Link": ", ".join(found)} if found else {}


def kind_link(kind: str) -> str:
    """What describes a job: its kind, with the schema of its payload."""
    return link(reverse("millrace_api:get_kind", args=[kind]), "describedby")


def address(request: HttpRequest, changed: dict[str, str | None]) -> str:
    """This address with some parameters changed."""
    query: QueryDict = request.GET.copy()
    for name, value in changed.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"{request.path}?{query.urlencode()}" if query else request.path


def link(target: str, relation: str) -> str:
    return f'<{target}>; rel="{relation}"'
