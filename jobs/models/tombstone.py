"""A tombstone: the job was here, and was purged."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Tombstone(models.Model):
    """So that the answer is `gone`, not `not found`, for as long as anyone may ask."""

    id = models.UUIDField(primary_key=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    until = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "millrace_tombstone"

    def __str__(self) -> str:
        return str(self.id)
