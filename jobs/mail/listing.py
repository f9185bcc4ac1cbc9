"""The list of suppressions: one's own, for operators everybody's; searched, and paged by keyset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs.errors import NotFound
from jobs.models import Suppression
from jobs.owners import can_operate
from jobs.search import Page, page_of
from jobs.text import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

AT_ONCE = 2_000
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


def each_suppression(user: User | AnonymousUser, wanted: Wanted) -> Iterator[Suppression]:
    """All that fit, the newest first, read some at a time: no transaction and no cursor stays open."""
    rows = wanted_suppressions(user, wanted).order_by("-id")
    chunk = list(rows[:AT_ONCE])
    while chunk:
        yield from chunk
        chunk = list(rows.filter(id__lt=chunk[-1].id)[:AT_ONCE]) if len(chunk) == AT_ONCE else []


def page_of_suppressions(
    user: User | AnonymousUser, wanted: Wanted, cursor: str, *, size: int
) -> Page[Suppression]:
    """The page a cursor points at; without one, the newest. Raises BadCursor."""
    rows = wanted_suppressions(user, wanted)
    return page_of(rows, cursor, of=wanted.name, size=size, is_hurried=False)
