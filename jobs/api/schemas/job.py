"""A job: as it is asked for, and as it is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from jobs.api.schemas.artifact import ArtifactOut
from jobs.api.schemas.reading import REFUSES, Moment
from jobs.states import Reason, State


class JobIn(BaseModel):
    """A job to be done."""

    model_config = REFUSES

    kind: str = Field(min_length=1, max_length=200, description="What to do; `GET /kinds` lists all.")
    payload: dict[str, Any] = Field(default_factory=dict, description="As the kind's schema says.")
    queue: str | None = Field(None, max_length=100, description="Another queue than the kind's own.")
    priority: int = Field(0, ge=-100, le=100, description="Higher goes first; only operators change it.")
    run_at: Moment | None = Field(None, description="Not before this time.")
    group: str | None = Field(
        None, min_length=1, max_length=150, description="A group of yours whose members see the job too."
    )


class RerunIn(BaseModel):
    """How a job is to be run again; what is left out stays as it was."""

    model_config = REFUSES

    payload: dict[str, Any] | None = Field(None, description="Another payload; it replaces the old one.")
    run_at: Moment | None = Field(None, description="Not before this time.")


def only_what_is_named(schema: dict[str, Any]) -> None:
    """A field that is left out has no default: it stays as it was."""
    schema["minProperties"] = 1
    for field in schema["properties"].values():
        field.pop("default", None)


class ChangeIn(BaseModel):
    """What shall be otherwise; what is left out stays as it was."""

    model_config = REFUSES | {"json_schema_extra": only_what_is_named}

    payload: dict[str, Any] = Field(
        default_factory=dict, description="Another payload; it replaces the old one."
    )
    queue: str | None = Field(None, max_length=100, description="Another queue; null: the kind's own.")
    priority: int = Field(0, ge=-100, le=100, description="Higher goes first; only operators change it.")
    run_at: Moment | None = Field(None, description="Not before this time; null: as soon as it can.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say what to change: payload, queue, priority or run_at")
        return self


class Links(BaseModel):
    """Where to go on."""

    self: str
    result: str
    log: str
    events: str


class Accepted(BaseModel):
    """A job that was accepted: from now on it is kept."""

    id: UUID
    kind: str
    queue: str
    state: Literal["queued", "scheduled"]
    priority: int
    run_at: datetime | None
    links: Links


class Waiting(BaseModel):
    """Why a job is not running."""

    reason: Reason
    text: str


class Progress(BaseModel):
    """How far the running attempt says it is."""

    fraction: float
    note: str
    updated_at: datetime


class JobSummary(BaseModel):
    """A job in a list."""

    id: UUID
    kind: str
    queue: str
    state: State
    priority: int
    run_at: datetime | None
    attempt: int
    version: int
    cancel_asked: bool
    owner: str
    group: str | None
    door: str
    rerun_of: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    code: str
    waiting: Waiting | None
    progress: Progress | None
    links: Links


class JobOut(JobSummary):
    """Everything about a job."""

    payload: dict[str, Any]
    result: dict[str, Any] | None
    error: str


JobShown = JobOut | JobSummary
"""What an act answers: everything to a token that may read, else what a list shows."""


class CountOut(BaseModel):
    """How many there are; more than that if `is_more`."""

    number: int
    is_more: bool


class JobPage(BaseModel):
    """Some jobs, the newest first; `next` is the cursor of older ones, `count` only if asked for."""

    jobs: list[JobSummary]
    next: str | None
    count: CountOut | None


class ResultOut(BaseModel):
    """How a job ended."""

    id: UUID
    state: Literal["succeeded", "failed", "cancelled"]
    code: str
    error: str
    values: dict[str, Any]
    artifacts: list[ArtifactOut]
