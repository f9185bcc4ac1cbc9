"""Celery: prefork, results ignored."""

from __future__ import annotations

import os

from celery import Celery

from bench.asking import report
from bench.peers.apps.counter import COUNTER, increment

app = Celery("raw", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task(name="count")
def count() -> None:
    """The tiny job."""
    increment()


@app.task(name="tell")
def tell(number: int) -> None:
    """Says when it started."""
    report(COUNTER, number)


def fill(jobs: int) -> None:
    """As many messages, before the worker starts."""
    with app.producer_or_acquire() as producer:
        for _ in range(jobs):
            count.apply_async(producer=producer)


def ask(number: int) -> None:
    """One message, as anybody would send it."""
    tell.delay(number)
