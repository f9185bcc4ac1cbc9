"""django-ox: Django's tasks, by their backport where Django is 5.2."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.apps.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402
from django_tasks import task  # noqa: E402

from bench.peers.apps.counter import increment  # noqa: E402


@task
def count() -> None:
    """The tiny job."""
    increment()


def fill(jobs: int) -> None:
    """As many tasks, before the workers start."""
    from django_ox.models import OxTask

    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {OxTask._meta.db_table} CASCADE")
    with transaction.atomic():
        for _ in range(jobs):
            count.enqueue()
