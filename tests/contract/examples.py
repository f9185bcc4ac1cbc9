"""A kind's example as a payload: the files it names are handed in first."""

from typing import Any

from django.contrib.auth.models import User

from jobs.artifacts import files_of, store_upload
from jobs.registry import Kind


def example_of(kind: Kind, owner: User) -> dict[str, Any]:
    """What a person would have submitted to see what the kind does."""
    payload = dict(kind.example)
    for name, field in files_of(kind).items():
        if name in payload:
            named = payload[name] if field.many else [payload[name]]
            ids = [hand_in(kind, str(file), owner, name) for file in named]
            payload[name] = ids if field.many else ids[0]
    return payload


def hand_in(kind: Kind, file: str, owner: User, field: str) -> str:
    with (kind.examples / file).open("rb") as content:
        return str(store_upload(content, name=file, owner=owner, field=files_of(kind)[field]).id)
