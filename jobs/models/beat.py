"""A Beat: who fires the schedules, and when it was last heard."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Beat(models.Model):
    """One Beat process, as it announced itself. Two are allowed: a firing makes one job even so."""

    id = models.UUIDField(primary_key=True)
    name = models.TextField(help_text="The machine it runs on.")
    pid = models.IntegerField()
    version = models.TextField()
    tick_seconds = models.FloatField(
        null=True, help_text="How long ago its scheduler had last looked, when it was last heard."
    )
    told_at = models.DateTimeField(null=True, help_text="Its own clock when it was last heard.")
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    beat_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "millrace_beat"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
