"""Every job of a list, whole, as JSON Lines."""

from __future__ import annotations

from itertools import chain
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router
from ninja.params.functions import Query

from jobs.api.auth import READ
from jobs.download import download
from jobs.owners import visible_jobs
from jobs.search import search
from jobs.search.export import MEDIA_TYPE, as_lines, chunks
from jobs.search.grammar import LONGEST

router = Router(tags=["jobs"])

FILTER = Query("", max_length=LONGEST, description="Which: `state:failed kind:images.* created:>2h`.")
"""The grammar of docs/reference/filters.md."""


@router.get("/jobs/export", auth=READ, response={200: str}, summary="Export jobs")
def export(
    request: HttpRequest,
    filter: str = FILTER,
    after: UUID | None = Query(None, description="The id of the last job you have: only those that follow."),
) -> StreamingHttpResponse:
    """Every job of the list, whole, as JSON Lines, the newest first, however many there are.

    Where the stream broke off it goes on with the last `id` that arrived as `after`.
    """
    wanted = search(filter, user=request.user)
    jobs = wanted.apply(visible_jobs(request.user))
    found = chunks(jobs.filter(id__lt=after) if after else jobs, of=wanted.text)
    first = next(found, [])  # what is wrong is a problem; later there is only breaking off
    lines = map(as_lines, chain([first], found))
    return download(request, lines, name="jobs.jsonl", media_type=MEDIA_TYPE)
