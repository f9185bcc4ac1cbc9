"""django-q2: a task is a function's name."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.apps.settings")


def count() -> None:
    """The tiny job."""
    from bench.peers.apps.counter import increment

    increment()


def fill(jobs: int) -> None:
    """As many tasks, before the cluster starts."""
    django.setup()
    from django_q.brokers import get_broker
    from django_q.tasks import async_task

    broker = get_broker()
    for _ in range(jobs):
        async_task("bench.peers.apps.django_q2.count", broker=broker)
