"""A tiny job: it increments a counter in Redis, and is called once per job."""

from __future__ import annotations

import os

import redis
from pydantic import BaseModel

from jobs.registry import job_kind
from workers.context import Context

COUNTER = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/1"))


class Nothing(BaseModel):
    """No payload."""


@job_kind("bench.millrace_1", title="One at a time", payload=Nothing, example={}, queue="bench-one")
def one(context: Context, payload: Nothing) -> None:
    """Each outcome is committed before the next job starts."""
    COUNTER.incr("done")


@job_kind(
    "bench.millrace_100", title="In batches", payload=Nothing, example={}, queue="bench-many", batch=100
)
def many(context: Context, payload: Nothing) -> None:
    """Safe to repeat."""
    COUNTER.incr("done")
