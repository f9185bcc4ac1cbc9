"""The item ledger: what a job that does many things did, skipped and lost."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from jobs.models.job import Job
from jobs.states import ItemState


class Item(models.Model):
    """One thing of a job: claimed (`doing`) before its effect, settled after it."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items", db_index=False)
    key = models.TextField()
    state = models.TextField(choices=[(state.value, state.value) for state in ItemState])
    attempt = models.IntegerField(default=0, db_default=0, help_text="The attempt that last claimed it.")
    given = models.JSONField(null=True, help_text="What doing it needs to know; written when it is declared.")
    detail = models.JSONField(null=True)
    held_by = models.TextField(null=True, help_text="What a pending one waits for; empty = its turn alone.")
    due = models.DateTimeField(null=True, help_text="When one that is held may be tried again.")
    moved_at = models.DateTimeField(
        null=True, help_text="When it came into its state; empty: it never moved."
    )

    class Meta:
        db_table = "millrace_item"
        constraints = [
            models.UniqueConstraint(fields=["job", "key"], name="millrace_item_key"),
            models.CheckConstraint(
                name="millrace_item_state", condition=Q(state__in=[s.value for s in ItemState])
            ),
        ]
        indexes = [
            models.Index(
                fields=["job", "id"], name="millrace_item_open", condition=Q(state__in=["pending", "doing"])
            ),
            # Only what is held stands in it, so that it costs others nothing.
            models.Index(
                fields=["job", "held_by", "due", "id"],
                name="millrace_item_held",
                condition=Q(held_by__isnull=False),
            ),
            # Not all of them: who is sent to, as nearly everybody is, costs no entry.
            models.Index(
                fields=["job", "state", "key"],
                name="millrace_item_rare",
                condition=Q(state__in=["failed", "skipped", "uncertain"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"
