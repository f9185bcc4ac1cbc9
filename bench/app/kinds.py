"""The kinds of the benchmark: tiny jobs, one that tells when it starts, and one with a payload."""

from __future__ import annotations

import os

import redis
from pydantic import BaseModel, Field

from bench.app.without import leave_out
from bench.asking import report
from jobs.limit import Limit
from jobs.registry import job_kind
from workers.context import Context

COUNTER = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/1"))
LARGEST_BATCH = 500
AMPLE = 100
"""More slots than processes."""


class Nothing(BaseModel):
    """No payload."""


class Number(BaseModel):
    """Which asking this is."""

    number: int


class Letter(BaseModel):
    """What an ordinary payload looks like."""

    to: str = Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    subject: str = Field(max_length=200)
    copies: int = Field(ge=1, le=10)


@job_kind("bench.one", title="One at a time", payload=Nothing, example={}, queue="bench-one")
def one(context: Context, payload: Nothing) -> None:
    """Each outcome is committed before the next job starts."""
    COUNTER.incr("done")


@job_kind(
    "bench.limited",
    title="One at a time, under a limit",
    payload=Nothing,
    example={},
    queue="bench-limited",
    limits=[Limit("bench", at_once=AMPLE)],
)
def limited(context: Context, payload: Nothing) -> None:
    """There is room for every process."""
    COUNTER.incr("done")


@job_kind(
    "bench.many", title="In batches", payload=Nothing, example={}, queue="bench-many", batch=LARGEST_BATCH
)
def many(context: Context, payload: Nothing) -> None:
    """Safe to repeat."""
    COUNTER.incr("done")


@job_kind(
    "bench.tell", title="Tell when it starts", payload=Number, example={"number": 1}, queue="bench-tell"
)
def tell(context: Context, payload: Number) -> None:
    """Safe to repeat."""
    report(COUNTER, payload.number)


@job_kind(
    "bench.letter",
    title="An ordinary payload",
    payload=Letter,
    example={"to": "ada@example.com", "subject": "Hello", "copies": 1},
    queue="bench-letter",
)
def letter(context: Context, payload: Letter) -> None:
    """Only ever submitted."""


leave_out()
