"""Keyset paging: a page begins after an id, so that new rows neither repeat nor hide any.

A cursor is opaque: its direction and id, signed together with the filter it was made for.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.crypto import salted_hmac

from jobs.errors import BadCursor
from jobs.search.patience import patience

OLDER, NEWER = b"o", b"n"
ID_BYTES, SEAL_BYTES = 16, 10
SALT = "millrace.jobs.search.cursor"
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, the newest first, and the cursors of the pages beside (empty: there is none)."""

    rows: list[M]
    older: str
    newer: str


def page_of(
    rows: QuerySet[M], cursor: str = "", *, of: str = "", size: int = 25, is_hurried: bool = True
) -> Page[M]:
    """The page of rows with UUIDv7 ids a cursor points at; without one, the newest.

    `of` is the filter, as `Search.text` has it. Raises BadCursor for one that was not made here, or for
    another filter; BadFilter if it is hurried, and the search takes too long.
    """
    direction, edge = decode(cursor, of)
    if edge is None:
        found = rows.order_by("-id")
    elif direction == NEWER:
        found = rows.filter(id__gt=edge).order_by("id")
    else:
        found = rows.filter(id__lt=edge).order_by("-id")
    with patience(of) if is_hurried else nullcontext():
        read: list[Any] = list(found[: size + 1])
    is_more, shown = len(read) > size, read[:size]
    if direction == NEWER:
        shown.reverse()
    has_older = is_more if direction == OLDER else edge is not None
    has_newer = is_more if direction == NEWER else edge is not None
    return Page(
        rows=shown,
        older=encode(OLDER, shown[-1].id, of) if shown and has_older else "",
        newer=encode(NEWER, shown[0].id, of) if shown and has_newer else "",
    )


def encode(direction: bytes, edge: UUID, of: str) -> str:
    """A cursor to the rows beyond this one."""
    place = direction + edge.bytes
    return urlsafe_b64encode(place + seal(place, of, settings.SECRET_KEY)).decode()


def decode(cursor: str, of: str) -> tuple[bytes, UUID | None]:
    """Which way and from where; raises BadCursor."""
    if not cursor:
        return OLDER, None
    try:
        raw = urlsafe_b64decode(cursor)
    except ValueError:
        raise BadCursor from None
    place, given = raw[: 1 + ID_BYTES], raw[1 + ID_BYTES :]
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not any(hmac.compare_digest(given, seal(place, of, key)) for key in keys):
        raise BadCursor
    return place[:1], UUID(bytes=place[1:])


def seal(place: bytes, of: str, key: str) -> bytes:
    """What only this installation can write, for this filter alone."""
    text = place + b"\0" + of.encode("utf-8", "replace")
    return salted_hmac(SALT, text, secret=key, algorithm="sha256").digest()[:SEAL_BYTES]
