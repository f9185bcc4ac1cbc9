"""A tally: a count that every process adds to, for the metrics page."""

from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """One series of one metric, e.g. `finished` of kind `email.send` with outcome `succeeded`.

    Processes count in memory and add what they counted every few seconds, so that any web process can
    answer for all of them and a finish touches no shared row.
    """

    id = models.BigAutoField(primary_key=True)
    metric = models.TextField()
    kind = models.TextField(default="", db_default="")
    outcome = models.TextField(default="", db_default="")
    bucket = models.TextField(default="", db_default="", help_text="A histogram's upper bound; empty else.")
    value = models.FloatField(default=0, db_default=0)

    class Meta:
        db_table = "millrace_tally"
        constraints = [
            models.UniqueConstraint(
                fields=["metric", "kind", "outcome", "bucket"], name="millrace_tally_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.kind} {self.outcome} {self.bucket}"
