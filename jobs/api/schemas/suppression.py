"""Addresses that get no more mail, and reports about mail that came back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from jobs.api.schemas.reading import REFUSES, Moment
from jobs.models.suppression import Suppressed as Why

Reason = Annotated[Why, Field(strict=False)]
Addresses = Annotated[list[str], Field(min_length=1, max_length=10_000)]


class SuppressionsIn(BaseModel):
    """Addresses that are to get no more of your mail, all for one reason."""

    model_config = REFUSES

    addresses: Addresses
    reason: Reason = Why.BY_HAND
    note: str = Field("", max_length=500)
    expires_at: Moment | None = Field(None, description="Left out: for good.")


class AddressesIn(BaseModel):
    """Up to 10,000 addresses."""

    model_config = REFUSES

    addresses: Addresses


class LiftIn(AddressesIn):
    """Addresses that may get mail again."""

    reasons: list[Reason] | None = Field(
        None, min_length=1, max_length=4, description="Only those suppressed for one of these."
    )


class SuppressionOut(BaseModel):
    """An address that gets no more of its owner's mail, and why."""

    id: UUID
    owner: str
    address: str
    reason: Why
    source: str
    job: UUID | None
    note: str
    expires_at: datetime | None
    created_at: datetime
    links: dict[str, str]


class SuppressionPage(BaseModel):
    """Some of the list, the newest first; `next` is the cursor of older ones."""

    suppressions: list[SuppressionOut]
    next: str | None


class SuppressionsAdded(BaseModel):
    """How many are suppressed now, and how many were so already."""

    added: int
    known: int


class SheetLine(BaseModel):
    """A line of a file that was left out, counted from 1, and why."""

    line: int
    why: str


class SheetTaken(SuppressionsAdded):
    """What came of a file: beside what it added, how many lines are bad, and the first thousand of those."""

    bad: int
    lines: list[SheetLine]


class SuppressionsLifted(BaseModel):
    """How many may get mail again."""

    lifted: int


class SuppressedOut(BaseModel):
    """One of the addresses that were asked for, as it was given."""

    address: str
    reason: Why


class SuppressedList(BaseModel):
    """Those that get no mail of yours."""

    suppressed: list[SuppressedOut]


class BounceTaken(BaseModel):
    """What came of a report; `is_new` is false for one that was taken before."""

    effect: Literal["nothing", "noted", "suppressed"]
    is_new: bool
