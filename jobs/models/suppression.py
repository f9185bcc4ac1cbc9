"""A suppression: an address that an owner's mail no longer goes to, and why."""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Suppressed(StrEnum):
    """Why, from the weakest reason to the strongest."""

    BOUNCED = "bounced"
    BY_HAND = "by_hand"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


class Suppression(models.Model):
    """One address of one owner: each stands once, with its strongest reason."""

    id = models.UUIDField(primary_key=True, help_text="UUIDv7.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    address = models.TextField(help_text="As it was given, its domain in ASCII.")
    key = models.TextField(help_text="What it is compared by.")
    reason = models.TextField(choices=[(reason.value, reason.value) for reason in Suppressed])
    source = models.TextField(help_text="Who said so: smtp, report, link, page, api, file.")
    job = models.UUIDField(null=True, help_text="The job whose mail led to it; it may be long gone.")
    note = models.TextField(default="", db_default="", help_text="The server's words, or a person's.")
    expires_at = models.DateTimeField(null=True, help_text="From when on it counts no more; empty = never.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "millrace_suppression"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="millrace_suppression_key"),
            models.CheckConstraint(
                name="millrace_suppression_reason",
                condition=Q(reason__in=[reason.value for reason in Suppressed]),
            ),
        ]
        indexes = [
            models.Index(F("owner"), F("id").desc(), name="millrace_suppression_list"),
            models.Index(
                F("expires_at"), name="millrace_suppression_over", condition=Q(expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.reason})"
