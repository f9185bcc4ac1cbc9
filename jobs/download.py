"""A file that is written while it is sent, however long it becomes: never whole in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from itertools import chain, islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

CSV = "text/csv; charset=utf-8"
PIECE_CHARACTERS = 16_000


def download(
    request: HttpRequest, parts: Iterator[str], *, name: str, media_type: str = CSV
) -> StreamingHttpResponse:
    """The answer. What goes wrong before the first part is raised here; later there is only breaking off."""
    begun = list(islice(parts, 1))
    whole = chain(begun, parts)
    body = later(whole) if isinstance(request, ASGIRequest) else whole
    answered = StreamingHttpResponse(body, content_type=media_type)
    answered["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    answered["Cache-Control"] = "private, no-store"
    answered["X-Content-Type-Options"] = "nosniff"
    return answered


async def later(parts: Iterator[str]) -> AsyncIterator[str]:
    """The same for an asynchronous server: each look for more is made in the request's thread."""
    more = sync_to_async(partial(next, parts, None))
    while (text := await more()) is not None:
        yield text


def csv_lines(heading: Iterable[str], rows: Iterable[Iterable[object]], *, mark: str = "") -> Iterator[str]:
    """Rows as the lines of a CSV file, some at a time; `mark`: what spreadsheets know UTF-8 by."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(mark)
    writer.writerow(heading)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > PIECE_CHARACTERS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
