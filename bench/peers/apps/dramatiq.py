"""Dramatiq on Redis."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.apps.counter import increment

dramatiq.set_broker(RedisBroker(url=os.environ["BROKER_URL"]))


@dramatiq.actor
def count() -> None:
    """The tiny job."""
    increment()


def fill(jobs: int) -> None:
    """As many messages, before the workers start."""
    for _ in range(jobs):
        count.send()
