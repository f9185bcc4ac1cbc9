"""The tiny job itself: one more in a counter of Redis."""

from __future__ import annotations

import os

import redis

COUNTER = redis.Redis.from_url(os.environ["REDIS_URL"])


def increment() -> None:
    """The one thing that a tiny job does."""
    COUNTER.incr("done")
