"""Huey on Redis, results off."""

from __future__ import annotations

import os

from huey import RedisHuey

from bench.peers.apps.counter import increment

app = RedisHuey("bench", results=False, url=os.environ["BROKER_URL"])


@app.task()
def count() -> None:
    """The tiny job."""
    increment()


def fill(jobs: int) -> None:
    """As many tasks, before the consumer starts."""
    for _ in range(jobs):
        count()
