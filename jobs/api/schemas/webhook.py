"""An address that hears of jobs, and what was sent there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from jobs.api.schemas.reading import REFUSES, Moment

WebhookEvent = Literal["job.succeeded", "job.failed", "job.cancelled", "job.retrying"]


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
    """One event for one endpoint; `webhook_id` is the header its receiver sees.

    `links.carrier` is the job that delivers it, once there is one.
    """

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
