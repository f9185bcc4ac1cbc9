"""Keyset paging: a page begins after an id, so that new rows neither repeat nor hide any."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from jobs.models import Job

SIZE = 25
OLDER, NEWER = b"o", b"n"


@dataclass(frozen=True)
class Page:
    """Some jobs, the newest first, and where the pages beside begin (empty: there is none)."""

    jobs: list[Job]
    older: str
    newer: str


def page_of(jobs: QuerySet[Job], cursor: str, size: int = SIZE) -> Page:
    """The page a cursor points at; one that cannot be read points at the newest."""
    direction, edge = decode(cursor)
    if edge is None:
        found = list(jobs.order_by("-id")[: size + 1])
    elif direction == NEWER:
        found = list(jobs.filter(id__gt=edge).order_by("id")[: size + 1])
    else:
        found = list(jobs.filter(id__lt=edge).order_by("-id")[: size + 1])
    is_more, shown = len(found) > size, found[:size]
    if direction == NEWER:
        shown.reverse()
    has_older = is_more if direction == OLDER else edge is not None
    has_newer = is_more if direction == NEWER else edge is not None
    return Page(
        jobs=shown,
        older=encode(OLDER, shown[-1].id) if shown and has_older else "",
        newer=encode(NEWER, shown[0].id) if shown and has_newer else "",
    )


def encode(direction: bytes, edge: UUID) -> str:
    return urlsafe_b64encode(direction + edge.bytes).decode().rstrip("=")


def decode(cursor: str) -> tuple[bytes, UUID | None]:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        direction, edge = raw[:1], UUID(bytes=raw[1:])
    except ValueError:
        return OLDER, None
    return (direction, edge) if direction in (OLDER, NEWER) else (OLDER, None)
