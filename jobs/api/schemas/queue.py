"""A queue as operators see it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from jobs.api.schemas.reading import REFUSES


class PauseIn(BaseModel):
    """Why the queue is paused: whoever waits reads it."""

    model_config = REFUSES

    reason: str = Field("", max_length=200)


class QueueOut(BaseModel):
    """A queue as operators see it. `later` jobs are scheduled or wait for their next attempt."""

    name: str
    queued: int
    running: int
    later: int
    oldest_seconds: float | None
    workers: int
    is_paused: bool
    pause_reason: str
    paused_by: str
    paused_at: datetime | None
    links: dict[str, str]


class QueuesOut(BaseModel):
    """Every queue."""

    queues: list[QueueOut]
