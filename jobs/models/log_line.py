"""A line of a kind's log, kept with its job."""

from __future__ import annotations

from django.db import models

from jobs.models.job import Job


class LogLine(models.Model):
    """One line; a job keeps the newest `log_lines` of them."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="log_lines", db_index=False)
    attempt = models.IntegerField()
    at = models.DateTimeField()
    level = models.TextField()
    text = models.TextField()

    class Meta:
        db_table = "millrace_log_line"
        ordering = ["id"]
        indexes = [models.Index(fields=["job", "id"], name="millrace_log_line_job")]

    def __str__(self) -> str:
        return self.text
