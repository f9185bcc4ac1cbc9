"""Files: handed out by a signed link to who may see them, as the pages do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from ninja import Router

from jobs.api.auth import READ
from jobs.pages.files import hand_out

router = Router(tags=["files"])


@router.get("/files/{token}", auth=READ, response={200: None, 304: None}, summary="Get a file")
def get_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The bytes behind the `url` of an artifact; 410 once the link has expired."""
    return hand_out(request, token)
