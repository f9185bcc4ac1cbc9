"""A report that came back about a mail: what it said of one recipient, and what we made of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.functions import Now


class MailReport(models.Model):
    """Remembered so that the same report, coming twice, has its effect once."""

    id = models.UUIDField(primary_key=True, help_text="UUIDv7.")
    identity = models.TextField(help_text="The same for every copy of the report.")
    key = models.TextField(help_text="Whom it is about, as addresses are compared.")
    job = models.UUIDField(help_text="The job whose mail came back.")
    action = models.TextField(help_text="failed, delayed, complained, …")
    status = models.TextField(default="", db_default="", help_text="5.1.1, if it says.")
    words = models.TextField(default="", db_default="", help_text="The server's words.")
    effect = models.TextField(help_text="suppressed, noted or nothing.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "millrace_mail_report"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["identity", "key"], name="millrace_mail_report_once"),
        ]
        indexes = [models.Index(F("created_at"), name="millrace_mail_report_age")]

    def __str__(self) -> str:
        return f"{self.action} for {self.key}"
