"""A plain Celery task of theirs."""

from pathlib import Path

from celery import shared_task


@shared_task
def touch(path: str) -> None:
    Path(path).touch()
