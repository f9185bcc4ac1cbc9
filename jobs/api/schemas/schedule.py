"""A job that comes by the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from jobs.api.schemas.reading import REFUSES, Moment


class ScheduleIn(BaseModel):
    """A job that comes by the clock: give `cron` (and `timezone`), `every_seconds` or `at`."""

    model_config = REFUSES

    name: str = Field(min_length=1, max_length=200, description="Each name once.")
    kind: str = Field(min_length=1, max_length=200)
    payload: dict[str, Any] = Field(default_factory=dict)
    cron: str | None = Field(
        None, max_length=300, description="Minute, hour, day of month, month, day of week: `0 3 * * 1-5`."
    )
    timezone: str | None = Field(None, max_length=60, description="Of `cron`: Europe/Berlin.")
    every_seconds: int | None = Field(None, ge=1, le=31_622_400)
    at: Moment | None = Field(None, description="Once, then it is switched off.")
    queue: str | None = Field(None, max_length=100)
    priority: int = Field(0, ge=0, le=100)
    enabled: bool = True
    description: str = Field("", max_length=1000)

    @model_validator(mode="after")
    def _says_when_once(self) -> Self:
        given = [name for name in ("cron", "every_seconds", "at") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("say when, once: cron, every_seconds or at")
        return self


class ScheduleOut(BaseModel):
    """A schedule."""

    id: int
    name: str
    kind: str
    payload: Any
    cron: str | None
    timezone: str | None
    every_seconds: int | None
    at: datetime | None
    queue: str | None
    priority: int
    enabled: bool
    description: str
    last_run_at: datetime | None
    runs: int
    links: dict[str, str]


class SchedulesOut(BaseModel):
    """Every schedule."""

    schedules: list[ScheduleOut]
