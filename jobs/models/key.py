"""An idempotency key: asked twice, done once."""

from __future__ import annotations

from django.db import models


class IdempotencyKey(models.Model):
    """What was answered to a key, in the transaction of the job it made."""

    id = models.BigAutoField(primary_key=True)
    scope = models.TextField(help_text="Whose key it is: door, person, kind.")
    key = models.TextField()
    fingerprint = models.TextField(help_text="SHA-256 of what was asked.")
    job = models.UUIDField(null=True)
    answer = models.JSONField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "millrace_idempotency_key"
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="millrace_idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
