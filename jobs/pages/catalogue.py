"""The catalogue: what can be asked for here."""

from __future__ import annotations

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from jobs.models import Job
from jobs.pages.answers import page, signed_in
from jobs.pages.jobs_list import lines_of
from jobs.registry import KINDS, Kind
from jobs.search.record import HEAVY

NEWEST = 5


@require_safe
@signed_in
def catalogue(request: HttpRequest) -> HttpResponse:
    """Every kind, and the newest jobs of this person."""
    # What serves other jobs would stand between what this person did.
    recent = (
        Job.objects.filter(owner_id=request.user.pk)
        .exclude(kind__in=[kind.name for kind in KINDS.inner()])
        .defer(*HEAVY)
        .order_by("-id")[:NEWEST]
    )
    context = {"families": families(), "recent": lines_of(list(recent)), "section": "catalogue"}
    return page(request, "catalogue.html", context)


def families() -> list[tuple[str, list[Kind]]]:
    """The kinds by the first part of their names."""
    by_family = groupby(KINDS.listed(), key=lambda kind: kind.name.partition(".")[0])
    return [(family, list(kinds)) for family, kinds in by_family]
