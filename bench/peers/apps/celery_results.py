"""Celery with django-celery-results: every outcome is a row."""

from __future__ import annotations

import os

import django
from celery import Celery

from bench.peers.apps.counter import increment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.apps.settings")
django.setup()

app = Celery("results", broker=os.environ["BROKER_URL"], backend="django-db")
app.conf.update(
    worker_prefetch_multiplier=32, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True
)


@app.task(name="count")
def count() -> None:
    """The tiny job."""
    increment()


def fill(jobs: int) -> None:
    """As many messages, before the worker starts."""
    from django_celery_results.models import TaskResult

    TaskResult.objects.all().delete()
    with app.producer_or_acquire() as producer:
        for _ in range(jobs):
            count.apply_async(producer=producer)
