"""What happened to a job besides the usual: failed attempts, retries, cancellations, rescues."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job


class JobEvent(models.Model):
    """A recorded act or mishap. The usual path (submitted, started, finished) is on the job itself,
    of its latest attempt; when an earlier one began is kept with what ended it."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now(), editable=False)
    event = models.TextField(help_text="failed, lost, released, cancel_asked, cancelled, retried, …")
    attempt = models.IntegerField()
    actor = models.TextField(default="", db_default="", help_text="Who did it; empty for Millrace itself.")
    started_at = models.DateTimeField(null=True, help_text="When the attempt it is about began.")
    detail = models.TextField(default="", db_default="")

    class Meta:
        db_table = "millrace_job_event"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.event} of {self.job_id}"
