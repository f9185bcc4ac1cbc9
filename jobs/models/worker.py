"""A worker: what it is able to do, and when it was last heard."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from jobs.holder import whose, workers_of


class Worker(models.Model):
    """One worker main process, as it announced itself."""

    id = models.UUIDField(primary_key=True)
    name = models.TextField(help_text="Celery's node name.")
    pid = models.IntegerField()
    version = models.TextField()
    queues = ArrayField(models.TextField())
    kinds = ArrayField(models.TextField())
    slots = models.IntegerField(help_text="How many jobs it runs at once.")
    is_draining = models.BooleanField(default=False, db_default=False)
    told_at = models.DateTimeField(null=True, help_text="Its own clock when it was last heard.")
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    beat_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "millrace_worker"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def where(holder: UUID) -> str:
    """Which process of which worker that is, for people."""
    return whose(
        holder, Worker.objects.filter(id__range=workers_of(holder)).values_list("name", flat=True).first()
    )
