"""Django's admin: queues to pause, and a look at jobs, workers and files. What acts calls the verbs."""

from django.apps import apps

from jobs.admin.artifact import ArtifactAdmin
from jobs.admin.job import JobAdmin
from jobs.admin.queue import QueueAdmin
from jobs.admin.share import ShareAdmin
from jobs.admin.worker import WorkerAdmin

if apps.is_installed("django_celery_beat"):
    from jobs.admin import schedule  # noqa: F401 - takes the place of its own

__all__ = ["ArtifactAdmin", "JobAdmin", "QueueAdmin", "ShareAdmin", "WorkerAdmin"]
