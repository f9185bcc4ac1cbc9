"""Many jobs in one request, and what became of each."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from jobs.api.schemas.job import Accepted
from jobs.api.schemas.reading import REFUSES


class BatchIn(BaseModel):
    """Jobs to be done, at most ten thousand at once."""

    model_config = REFUSES

    jobs: list[dict[str, Any]] = Field(
        min_length=1, max_length=10_000, description="Each as in `POST /jobs`."
    )
    atomic: bool = Field(False, description="All of them or none.")


class Rejection(BaseModel):
    """A problem, as an answer of its own would be."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class BatchItem(BaseModel):
    """What became of one job of a batch: accepted, or the problem with it."""

    job: Accepted | None = None
    problem: Rejection | None = None


class BatchOut(BaseModel):
    """What became of each, in the order they were sent."""

    accepted: int
    rejected: int
    jobs: list[BatchItem]
