"""Uploads: files that jobs will use, handed in before them."""

from __future__ import annotations

import hashlib
from typing import Any, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from ninja import Router

from jobs.api.answers import answer
from jobs.api.auth import READ, SUBMIT, must_submit
from jobs.api.idempotent import idempotent_for
from jobs.api.limits import count_submits
from jobs.api.problems import Refused, Wrong
from jobs.api.schemas import ArtifactOut
from jobs.api.shown import shown_artifact
from jobs.artifacts import store_upload
from jobs.conf import conf
from jobs.errors import NotFound
from jobs.models import Artifact
from jobs.pages.files import may_read

router = Router(tags=["files"])

MULTIPART = "multipart/form-data"
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "minLength": 1,
                            "contentMediaType": "application/octet-stream",
                        }
                    },
                }
            }
        },
    }
}


def content_of(request: HttpRequest) -> str:
    """What an idempotency key stands for here: the file, by its name and content."""
    file = the_file(request)
    digest = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    file.seek(0)
    return f"{file.name} {digest}"


@router.post(
    "/uploads", auth=SUBMIT, response={201: ArtifactOut}, summary="Upload a file", openapi_extra=FORM
)
@idempotent_for(content_of)
def upload(request: HttpRequest) -> HttpResponse:
    """Keep the part `file` of a form. Name its `id` in a payload; what no job uses is cleaned up in a day."""
    must_submit(request)
    count_submits(request, 1)
    file = the_file(request)
    kept = store_upload(file, name=file.name or "file", owner=cast(Any, request.user))
    here = reverse("millrace_api:get_upload", args=[kept.id])
    return answer(shown_artifact(kept), status=201, headers={"Location": here})


@router.get("/uploads/{uuid:id}", auth=READ, response=ArtifactOut, summary="Get an upload")
def get_upload(request: HttpRequest, id: UUID) -> HttpResponse:
    """What is known about a file: size, media type, SHA-256, and a link to its bytes."""
    found = Artifact.objects.filter(pk=id).first()
    if found is None or not may_read(request, found):
        raise NotFound(f"There is no file {id}, or it is not yours to see.")
    return answer(shown_artifact(found))


def the_file(request: HttpRequest) -> UploadedFile[Any]:
    """The part called `file`; raises Refused."""
    if request.content_type != MULTIPART:
        raise Refused(
            "unsupported_media_type",
            f"Send a form, {MULTIPART} (curl: -F file=@photo.jpg), not {request.content_type or 'nothing'}.",
            headers={"Accept": MULTIPART},
        )
    parts = request.FILES.getlist("file")
    if len(parts) > 1:
        why = f"One file at a time: this form has {len(parts)} parts called `file`. Nothing was kept."
        raise Refused("invalid", why, errors=[Wrong("/file", why, "too_many")])
    file = parts[0] if parts else None
    if not isinstance(file, UploadedFile):
        why = "The form has no part `file` with a file name."
        raise Refused("invalid", why, errors=[Wrong("/file", why, "missing")])
    most = conf().upload_bytes
    if (file.size or 0) > most:
        raise Refused("too_large", f"{file.name!r} is larger than {filesizeformat(most)}.")
    return file
