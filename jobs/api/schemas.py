"""What goes in and out at this door, as pydantic declares it; OpenAPI is made from it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jobs.states import Reason, State
from jobs.tokens import Scope as TokenScope

REFUSES = ConfigDict(extra="forbid", strict=True)

Scope = Annotated[TokenScope, Field(strict=False)]


def only_text(value: Any) -> Any:
    """A time is a text; pydantic would take a number for seconds since 1970."""
    if value is not None and not isinstance(value, str):
        raise ValueError("give a time like 2026-12-24T18:00:00+01:00")
    return value


WebhookEvent = Literal["job.succeeded", "job.failed", "job.cancelled", "job.retrying"]

Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(only_text)]
"""A time with its zone."""


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


class CountOut(BaseModel):
    """How many there are; more than that if `is_more`."""

    number: int
    is_more: bool


class JobPage(BaseModel):
    """Some jobs, the newest first; `next` is the cursor of older ones, `count` only if asked for."""

    jobs: list[JobSummary]
    next: str | None
    count: CountOut | None


class ArtifactOut(BaseModel):
    """A file: `url` hands it out to who may see it, for a while."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None
    url: str


class ResultOut(BaseModel):
    """How a job ended."""

    id: UUID
    state: Literal["succeeded", "failed", "cancelled"]
    code: str
    error: str
    values: dict[str, Any]
    artifacts: list[ArtifactOut]


class LogLineOut(BaseModel):
    """A line of a job's log."""

    id: int
    at: datetime
    attempt: int
    level: str
    text: str


class LogOut(BaseModel):
    """The lines that are kept, the oldest first; `next` goes on after the last one."""

    lines: list[LogLineOut]
    next: int | None


class EventOut(BaseModel):
    """A mishap or a recorded act."""

    id: int
    at: datetime
    event: str
    attempt: int
    actor: str
    detail: str


class EventsOut(BaseModel):
    """What happened to a job besides the usual, the oldest first."""

    events: list[EventOut]


class KindSummary(BaseModel):
    """What can be done here."""

    name: str
    title: str
    summary: str
    queue: str
    timeout_seconds: float
    public: bool
    links: dict[str, str]


class KindOut(KindSummary):
    """A kind, with the JSON Schema of its payload and hints for a form."""

    payload_schema: dict[str, Any]
    files: dict[str, Any]
    example: dict[str, Any]


class KindsOut(BaseModel):
    """Every kind."""

    kinds: list[KindSummary]


class TokenAbout(BaseModel):
    """A token, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    hint: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class MeOut(BaseModel):
    """Who asks, and what they may do with what they asked with."""

    name: str
    groups: list[str]
    scopes: list[str]
    can_submit: bool
    can_operate: bool
    token: TokenAbout | None


class WebhookIn(BaseModel):
    """An address, and what it should hear. Empty `kinds` and `queues` mean all of them."""

    model_config = REFUSES

    url: str = Field(min_length=1, max_length=2000, examples=["https://example.org/hooks"])
    description: str = Field("", max_length=200)
    events: list[WebhookEvent] = Field(
        default=["job.succeeded", "job.failed", "job.cancelled"], min_length=1, max_length=10
    )
    kinds: list[str] = Field(default_factory=list, max_length=50)
    queues: list[str] = Field(default_factory=list, max_length=50)
    is_for_all: bool = Field(False, description="Everybody's jobs; only operators may.")


class WebhookOut(BaseModel):
    """An endpoint. It is failing while nothing has arrived since `failing_since`."""

    id: UUID
    owner: str
    url: str
    description: str
    events: list[str]
    kinds: list[str]
    queues: list[str]
    is_for_all: bool
    is_enabled: bool
    disabled_reason: str
    failing_since: datetime | None
    created_at: datetime
    links: dict[str, str]


class WebhookMade(WebhookOut):
    """A new endpoint, with the secret that nobody sees again."""

    secret: str


class WebhookSecretOut(BaseModel):
    """A new secret, which nobody sees again."""

    secret: str


class WebhooksOut(BaseModel):
    """Endpoints, the newest first."""

    webhooks: list[WebhookOut]


class ReplayIn(BaseModel):
    """Since when."""

    model_config = REFUSES

    since: Moment


class ReplayedOut(BaseModel):
    """How many deliveries are sent again."""

    replayed: int


class TryOut(BaseModel):
    """One try to deliver; without a `status` there was no answer, and `error` says why."""

    at: datetime
    status: int | None
    milliseconds: int
    answer: str
    error: str


class DeliveryOut(BaseModel):
    """One event for one endpoint; `webhook_id` is the header its receiver sees."""

    id: UUID
    webhook_id: str
    event: str
    job: UUID | None
    at: datetime
    progress: Literal["waiting", "retrying", "delivered", "failed"]
    delivered_at: datetime | None
    next_at: datetime | None
    tries: list[TryOut]
    links: dict[str, str]


class DeliveriesOut(BaseModel):
    """Some of the log, the newest first; `next` goes as `before` into the next question."""

    deliveries: list[DeliveryOut]
    next: UUID | None


class BatchIn(BaseModel):
    """Jobs to be done, at most a thousand at once."""

    model_config = REFUSES

    jobs: list[dict[str, Any]] = Field(min_length=1, max_length=1000, description="Each as in `POST /jobs`.")
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


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = REFUSES

    name: str = Field(min_length=1, max_length=100, pattern=r"\S", description="What it is for.")
    scopes: list[Scope] = Field(min_length=1, max_length=4)
    expires_at: Moment | None = Field(None, description="Left out: as long as the token that makes it.")


class TokenMade(TokenAbout):
    """A new token and its secret, which is not shown again."""

    secret: str


class TokensOut(BaseModel):
    """Your tokens."""

    tokens: list[TokenAbout]
