"""Suppressions as CSV: all of them out, many of them in, each bad line by its number."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Router
from ninja.params.functions import Query

from jobs.api.answers import answer
from jobs.api.asking import once_a_request
from jobs.api.auth import READ, SUBMIT, holder_of, must_submit
from jobs.api.idempotent import idempotent_for
from jobs.api.raw_body import raw_body
from jobs.api.schemas import SheetTaken
from jobs.download import download
from jobs.mail.listing import Wanted, each_suppression
from jobs.mail.sheet import MOST_BYTES, read_sheet, write_lines
from jobs.mail.suppression import suppress
from jobs.models.suppression import Suppressed

router = Router(tags=["suppressions"])

CSV = "text/csv"
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {CSV: {"schema": {"type": "string", "minLength": 1, "contentMediaType": CSV}}},
    }
}


@router.get("/suppressions/export", auth=READ, response={200: str}, summary="Export suppressions")
def export_suppressions(
    request: HttpRequest,
    text: str = Query("", max_length=254, description="A part of the address."),
    reason: Suppressed | None = Query(None, description="Only those suppressed for this."),
    owner: str = Query("", max_length=150, description="Only those of this user."),
) -> StreamingHttpResponse:
    """Those in force as CSV, the newest first: yours, with the scope `operate` everybody's.

    What a spreadsheet would run as a formula begins with a `'`; the import takes it off again.
    """
    wanted = Wanted(text, reason.value if reason else "", owner)
    return download(request, write_lines(each_suppression(request.user, wanted)), name="suppressions.csv")


def content_of(request: HttpRequest) -> str:
    """What an idempotency key stands for here: the file, which is larger than a body of JSON may be."""
    return hashlib.sha256(sheet_of(request)).hexdigest()


@router.post(
    "/suppressions/import",
    auth=SUBMIT,
    response=SheetTaken,
    summary="Import suppressions",
    openapi_extra=BODY,
)
@idempotent_for(content_of)
def import_suppressions(request: HttpRequest) -> HttpResponse:
    """A CSV file of addresses, alone or under a heading: `address`, `reason`, `note`, `expires_at`.

    The good lines are taken, the first thousand bad ones named. Mend those and send all again: adding twice
    is adding once.
    """
    must_submit(request)
    sheet = read_sheet(sheet_of(request))
    added = len(suppress(int(holder_of(request).user.pk), sheet.entries))
    lines = [{"line": line.number, "why": line.why} for line in sheet.bad]
    known = len(sheet.entries) - added
    return answer({"added": added, "known": known, "bad": sheet.bad_count, "lines": lines})


@once_a_request
def sheet_of(request: HttpRequest) -> bytes:
    """The file as it came; raises Refused."""
    return raw_body(
        request, media_type=CSV, most_bytes=MOST_BYTES, called="file", about="A file of suppressions"
    )
