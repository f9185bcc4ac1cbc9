"""A queue: a line of jobs that an operator can pause."""

from __future__ import annotations

from django.db import models


class Queue(models.Model):
    """What an operator decided about a queue; a queue nobody decided about has no row."""

    name = models.TextField(primary_key=True)
    is_paused = models.BooleanField(default=False, db_default=False)
    pause_reason = models.TextField(default="", db_default="", blank=True)
    paused_by = models.TextField(default="", db_default="", blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "millrace_queue"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
