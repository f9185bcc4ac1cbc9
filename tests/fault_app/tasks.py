"""A plain Celery task of an adopter's app: it runs on the same workers."""

from pathlib import Path

from celery import shared_task


@shared_task
def touch(path: str) -> None:
    Path(path).touch()
