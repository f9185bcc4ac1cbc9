"""Stock Celery, raw: prefork, results ignored, nothing recorded."""

from __future__ import annotations

import os

import redis
from celery import Celery

app = Celery("stock", broker=os.environ["BROKER_URL"])
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 4
COUNTER = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.task(name="stock.count")
def count() -> None:
    """The same tiny job."""
    COUNTER.incr("done")
