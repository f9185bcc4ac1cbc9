"""Webhooks: who wants to hear how jobs end, what is told to them, and how each telling went."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Webhook(models.Model):
    """An endpoint: an address that hears of its owner's jobs, or of everybody's."""

    id = models.UUIDField(primary_key=True, help_text="UUIDv7.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    is_for_all = models.BooleanField(
        default=False, db_default=False, help_text="Everybody's jobs; only operators may."
    )
    url = models.TextField()
    description = models.TextField(default="", db_default="")
    events = ArrayField(models.TextField(), help_text="Which events: job.succeeded, …")
    kinds = ArrayField(
        models.TextField(), default=list, db_default=[], help_text="Only these kinds; empty = every kind."
    )
    queues = ArrayField(
        models.TextField(), default=list, db_default=[], help_text="Only these queues; empty = every queue."
    )
    is_enabled = models.BooleanField(default=True, db_default=True)
    disabled_reason = models.TextField(default="", db_default="", help_text="Why, for people.")
    failing_since = models.DateTimeField(null=True, help_text="The first failure since the last success.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "millrace_webhook"
        ordering = ["-id"]
        indexes = [
            models.Index(F("owner"), F("id").desc(), name="millrace_webhook_owner"),
            models.Index(F("id"), name="millrace_webhook_for_all", condition=Q(is_for_all=True)),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """What people call it: its description, or its host."""
        return self.description or urlsplit(self.url).hostname or self.url


class WebhookSecret(models.Model):
    """What an endpoint's messages are signed with; two are valid while one takes over from the other."""

    id = models.BigAutoField(primary_key=True)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.TextField(help_text="Encrypted with a key that SECRET_KEY yields.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, help_text="Until when it signs; empty = it is the newest.")

    class Meta:
        db_table = "millrace_webhook_secret"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"a secret of {self.webhook_id}"


class WebhookDelivery(models.Model):
    """One event for one endpoint, written by the statement that moved the job.

    Without foreign keys: the endpoint may be deleted meanwhile, and no job may fail to end because of that.
    """

    id = models.UUIDField(
        primary_key=True,
        db_default=models.Func(function="gen_random_uuid", output_field=models.UUIDField()),
        editable=False,
    )
    webhook = models.ForeignKey(
        Webhook, on_delete=models.DO_NOTHING, related_name="deliveries", db_constraint=False, db_index=False
    )
    event = models.TextField()
    job = models.UUIDField(null=True, help_text="The job it is about; empty for a test.")
    kind = models.TextField(default="", db_default="")
    queue = models.TextField(default="", db_default="")
    code = models.TextField(default="", db_default="")
    attempt = models.IntegerField(default=0, db_default=0)
    version = models.IntegerField(default=0, db_default=0)
    at = models.DateTimeField(
        db_default=models.Func(function="clock_timestamp", output_field=models.DateTimeField())
    )
    carrier = models.UUIDField(null=True, help_text="The job that delivers it; empty until there is one.")
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "millrace_webhook_delivery"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(F("at"), name="millrace_webhook_due", condition=Q(carrier__isnull=True)),
            models.Index(F("webhook"), F("at").desc(), F("id").desc(), name="millrace_webhook_log"),
            models.Index(F("at"), name="millrace_webhook_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} for {self.webhook_id}"


class WebhookTry(models.Model):
    """One attempt to deliver, as the delivery log shows it."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.DO_NOTHING, related_name="tries", db_constraint=False
    )
    at = models.DateTimeField(db_default=Now(), editable=False)
    status = models.IntegerField(null=True, help_text="What the endpoint answered; empty if it did not.")
    milliseconds = models.IntegerField()
    answer = models.TextField(default="", db_default="", help_text="The beginning of the body.")
    error = models.TextField(default="", db_default="", help_text="What went wrong, for people.")

    class Meta:
        db_table = "millrace_webhook_try"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.status or self.error} for {self.delivery_id}"
