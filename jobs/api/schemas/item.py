"""The items of a job, and what is decided about those of which nobody knows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from jobs.api.schemas.reading import REFUSES


class ItemOut(BaseModel):
    """One item: `note` says in words what `detail` says.

    `reference` is a mail's Message-ID as the present settings make it.
    """

    id: int
    key: str
    state: Literal["pending", "doing", "done", "failed", "skipped", "uncertain"]
    note: str
    detail: Any
    reference: str | None
    moved_at: datetime | None


class ItemPage(BaseModel):
    """Some of them, by key; `next` goes on after the last one."""

    items: list[ItemOut]
    next: str | None
    counts: dict[str, int]


class DecideIn(BaseModel):
    """What is to become of uncertain items."""

    model_config = REFUSES

    act: Literal["again", "leave"]
    items: list[Annotated[int, Field(ge=1, lt=2**63)]] | None = Field(
        None, min_length=1, max_length=10_000, description="Their ids. Left out: all of them."
    )


class Decided(BaseModel):
    """How many it was about, and the job that does them again."""

    decided: int
    job: str | None
