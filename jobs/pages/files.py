"""Hand out a file: by a signed link, to those who may see it, and never as something that can run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import IO

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from jobs.artifacts import open_file, open_link
from jobs.errors import Gone, NotFound
from jobs.models import Artifact
from jobs.owners import can_operate, visible_jobs
from jobs.pages.answers import signed_in

CHUNK = 64 * 1024
PDF = "application/pdf"
IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif", "image/gif"})
SHOWN = IMAGES | {"text/plain", PDF}
"""What a browser may show in place; everything else is saved."""
CACHING = "private, max-age=3600"
NOTHING = "default-src 'none'; frame-ancestors 'none'"


@require_safe
@signed_in
def artifact(request: HttpRequest, token: str) -> HttpResponseBase:
    """The file's bytes; `?save` always saves."""
    return hand_out(request, token)


def hand_out(request: HttpRequest, token: str) -> HttpResponseBase:
    """What a signed link leads to, for whoever may read it; raises Gone or NotFound."""
    found = open_link(token)
    if not may_read(request, found):
        raise NotFound("There is no such file, or it is not yours to see.")
    etag = f'"{found.sha256}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag, "Cache-Control": CACHING})
    response = stream(request, found)
    for name, value in {**safe_headers(found, is_saved="save" in request.GET), "ETag": etag}.items():
        response[name] = value
    return response


def may_read(request: HttpRequest, found: Artifact) -> bool:
    """Its owner, operators, and who sees the job that made it or uses it."""
    if found.owner_id == request.user.pk or can_operate(request.user):
        return True
    jobs = visible_jobs(request.user)
    return jobs.filter(artifacts=found).exists() or jobs.filter(uses__artifact_id=found.id).exists()


def safe_headers(found: Artifact, *, is_saved: bool) -> dict[str, str]:
    """Shown only if harmless, under a policy that lets nothing run; a PDF viewer works in no sandbox."""
    is_shown = found.media_type in SHOWN and not is_saved
    text = "; charset=utf-8" if found.media_type.startswith("text/") else ""
    return {
        "Content-Type": found.media_type + text if found.media_type in SHOWN else "application/octet-stream",
        "Content-Length": str(found.size),
        "Content-Disposition": content_disposition_header(not is_shown, found.name) or "attachment",
        "Content-Security-Policy": NOTHING if found.media_type == PDF else f"{NOTHING}; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": CACHING,
    }


def stream(request: HttpRequest, found: Artifact) -> HttpResponseBase:
    """In chunks, whichever way the server reads them; a HEAD opens nothing."""
    if request.method == "HEAD":
        return HttpResponse()
    try:
        file = open_file(found.path)
    except FileNotFoundError:
        raise Gone("The file was deleted since this link was made.") from None
    return StreamingHttpResponse(AsyncChunks(file) if isinstance(request, ASGIRequest) else Chunks(file))


class Chunks:
    """A file piece by piece. Django calls `close` when the answer ends, even one that nobody read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.file.read(CHUNK):
            yield chunk


class AsyncChunks(Chunks):
    """The same for an asynchronous server, which would read all of a synchronous one into memory."""

    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await sync_to_async(self.file.read)(CHUNK):
            yield chunk
