"""A token: how a program says whose it is."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Token(models.Model):
    """A right to act for its owner, within its scopes. Only a hash of the secret is kept."""

    id = models.UUIDField(primary_key=True)
    name = models.TextField(help_text="What it is for, in its owner's words.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text="The token that made it; revoked with it.",
    )  # fmt: skip
    digest = models.TextField(unique=True, help_text="SHA-256 of the secret.")
    hint = models.TextField(help_text="The end of the secret, to tell tokens apart.")
    scopes = ArrayField(models.TextField())
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "millrace_token"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
