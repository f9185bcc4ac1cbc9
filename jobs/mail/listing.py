"""The list of suppressions: one's own, for operators everybody's; searched, and paged by keyset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs.errors import NotFound
from jobs.models import Suppression
from jobs.owners import can_operate
from jobs.search.cursor import NEWER, OLDER, decode, encode
from jobs.text import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

IN_FORCE = Q(expires_at=None) | Q(expires_at__gt=Now())


@dataclass(frozen=True)
class Wanted:
    """Which: a part of the address, a reason, an owner's name; empty = any."""

    text: str = ""
    reason: str = ""
    owner: str = ""

    @property
    def name(self) -> str:
        """What a cursor belongs to."""
        return "\x1f".join(["suppressions", self.text, self.reason, self.owner])


@dataclass(frozen=True)
class Page:
    """Some suppressions, the newest first, and the cursors of the pages beside (empty: there is none)."""

    rows: list[Suppression]
    older: str
    newer: str


def visible_suppressions(user: User | AnonymousUser) -> QuerySet[Suppression]:
    """Those in force that this person may see and lift: their own, all for operators."""
    rows = Suppression.objects.filter(IN_FORCE).select_related("owner")
    return rows if can_operate(user) else rows.filter(owner_id=user.pk)


def find_suppression(user: User | AnonymousUser, id: UUID) -> Suppression:
    """The suppression, if it is this person's to see; raises NotFound."""
    found = visible_suppressions(user).filter(id=id).first()
    if found is None:
        raise NotFound(f"There is no suppression {id}, or it is not yours to see.")
    return found


def wanted_suppressions(user: User | AnonymousUser, wanted: Wanted) -> QuerySet[Suppression]:
    """The visible ones that fit."""
    rows = visible_suppressions(user)
    if wanted.text:
        rows = rows.filter(key__contains=storable(wanted.text.strip().lower()))
    if wanted.reason:
        rows = rows.filter(reason=wanted.reason)
    if wanted.owner:
        rows = rows.filter(**{f"owner__{get_user_model().USERNAME_FIELD}": storable(wanted.owner)})
    return rows


def page_of(rows: QuerySet[Suppression], cursor: str, *, of: str, size: int) -> Page:
    """The page a cursor points at; without one, the newest. Raises BadCursor."""
    direction, edge = decode(cursor, of)
    if edge is None:
        found = rows.order_by("-id")
    elif direction == NEWER:
        found = rows.filter(id__gt=edge).order_by("id")
    else:
        found = rows.filter(id__lt=edge).order_by("-id")
    read = list(found[: size + 1])
    is_more, shown = len(read) > size, read[:size]
    if direction == NEWER:
        shown.reverse()
    has_older = is_more if direction == OLDER else edge is not None
    has_newer = is_more if direction == NEWER else edge is not None
    return Page(
        shown,
        encode(OLDER, shown[-1].id, of) if shown and has_older else "",
        encode(NEWER, shown[0].id, of) if shown and has_newer else "",
    )
