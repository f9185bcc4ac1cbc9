"""Kinds: what can be asked for, with the schema of each payload."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router

from jobs.api.answers import answer
from jobs.api.auth import READ
from jobs.api.problems import Refused
from jobs.api.schemas import KindOut, KindsOut
from jobs.artifacts import files_of
from jobs.conf import conf
from jobs.errors import UnknownKind
from jobs.registry import KINDS, Kind

router = Router(tags=["kinds"])


@router.get("/kinds", auth=READ, response=KindsOut, summary="List kinds")
def list_kinds(request: HttpRequest) -> HttpResponse:
    """Everything this installation can do, by name."""
    return answer({"kinds": [shown_kind(kind) for kind in KINDS.listed()]})


@router.get("/kinds/{name}", auth=READ, response=KindOut, summary="Get a kind")
def get_kind(request: HttpRequest, name: str) -> HttpResponse:
    """One kind, with the JSON Schema of its payload, what its files may be, and a payload that works."""
    try:
        kind = KINDS.find_listed(name)
    except UnknownKind as error:
        raise Refused("not_found", str(error)) from None
    whole = {"payload_schema": payload_schema(kind), "files": file_hints(kind), "example": dict(kind.example)}
    return answer(shown_kind(kind) | whole)


def shown_kind(kind: Kind) -> dict[str, Any]:
    """A kind in the list."""
    return {
        "name": kind.name,
        "title": kind.title,
        "summary": kind.summary,
        "queue": kind.queue,
        "timeout_seconds": kind.timeout.total_seconds(),
        "public": kind.public,
        "links": {"self": reverse("millrace_api:get_kind", args=[kind.name])},
    }


def payload_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of its payload: what `POST /jobs` accepts under `payload`."""
    return kind.payload.model_json_schema()


def file_hints(kind: Kind) -> dict[str, Any]:
    """Of each field that names a file: what it accepts, whether it is needed, whether it takes several."""
    most = conf().upload_bytes
    return {
        name: {
            "accept": list(field.accept),
            "max_bytes": min(field.max_bytes or most, most),
            "many": field.many,
            "required": field.is_required,
            "help": field.help,
        }
        for name, field in files_of(kind).items()
    }
