"""RQ: a job is a function's name."""

from __future__ import annotations

import os

import redis
from rq import Queue

from bench.peers.apps.counter import increment

CHUNK = 1000


def count() -> None:
    """The tiny job."""
    increment()


def fill(jobs: int) -> None:
    """As many jobs, before the workers start; a result would be thrown away at once."""
    queue = Queue("bench", connection=redis.Redis.from_url(os.environ["BROKER_URL"]))
    for start in range(0, jobs, CHUNK):
        wanted = range(start, min(start + CHUNK, jobs))
        queue.enqueue_many([Queue.prepare_data(count, result_ttl=0) for _ in wanted])
