"""How much mail went to one mail account or domain of late, who is at it, and until when it is left alone."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class MailTraffic(models.Model):
    """One key: `account=user@host:port` or `domain=gmail.com`. All times are seconds since 1970."""

    key = models.TextField(primary_key=True)
    earliest = models.FloatField(default=0, db_default=0, help_text="The rate's clock.")
    booked = models.FloatField(
        default=0, db_default=0, help_text="When the last of those who were told to come again will come."
    )
    holders = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()),
        help_text="Who is at it: job:attempt → since when.",
    )  # fmt: skip
    off_until = models.FloatField(default=0, db_default=0, help_text="Until when it is left alone.")
    off_times = models.IntegerField(
        default=0, db_default=0, help_text="How often in a row it asked for that; 0 = it does not."
    )
    off_why = models.TextField(default="", db_default="", help_text="In its own words.")
    at_once = models.IntegerField(null=True, help_text="Its limits, as they were last asked with.")
    starts = models.IntegerField(null=True)
    seconds = models.FloatField(null=True)

    class Meta:
        db_table = "millrace_mail_traffic"
        ordering = ["key"]
        indexes = [
            models.Index(fields=["key"], name="millrace_mail_traffic_off", condition=Q(off_times__gt=0))
        ]

    def __str__(self) -> str:
        return self.key
