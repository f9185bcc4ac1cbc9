"""How far a running job says it is."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job


class Progress(models.Model):
    """The latest word of the latest attempt; apart from the job, so that its row stays small and quiet."""

    job = models.OneToOneField(Job, primary_key=True, on_delete=models.CASCADE, related_name="progress")
    attempt = models.IntegerField()
    fraction = models.FloatField(help_text="0…1")
    note = models.TextField(default="", db_default="")
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "millrace_progress"

    def __str__(self) -> str:
        return f"{self.fraction:.0%} {self.note}"
