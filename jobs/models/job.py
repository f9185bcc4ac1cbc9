"""The job: one asking, the truth about it, and its own outbox."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from jobs.states import FINAL, State


class Job(models.Model):
    """One asking for one kind of work.

    Only `jobs.lifecycle.transition` writes `state`. Every time is the database's clock.
    """

    id = models.UUIDField(primary_key=True, help_text="UUIDv7: ids grow with time.")
    kind = models.TextField()
    queue = models.TextField()
    state = models.TextField(choices=[(state.value, state.value) for state in State])

    # The place in the line.
    ready = models.BooleanField(default=False, db_default=False, help_text="The gate lets it pass.")
    priority = models.SmallIntegerField(default=0, db_default=0, help_text="-100…100, higher first.")
    turn = models.FloatField(default=0, db_default=0, help_text="Fair share between owners.")
    seq = models.BigIntegerField(
        db_default=models.Func(models.Value("millrace_job_seq"), function="nextval"),
        editable=False,
        help_text="The order of arrival.",
    )
    run_at = models.DateTimeField(null=True, help_text="Not before.")
    limits = models.JSONField(
        null=True, help_text="Limits it is under: [[key, at once, starts, seconds], …], in the order of keys."
    )
    held_by = models.TextField(null=True, help_text="The key of the limit at which it waits for a slot.")

    # The right to try.
    attempt = models.IntegerField(default=0, db_default=0, help_text="Only grows; it is the fence.")
    holder = models.UUIDField(null=True, help_text="The worker child that holds the lease.")
    lease = models.DateTimeField(null=True, help_text="Until when the holder may be silent.")
    alone = models.BooleanField(default=True, db_default=True, help_text="Claimed in a batch of one.")
    suspect = models.BooleanField(default=False, db_default=False, help_text="Claimed alone next.")
    failures = models.SmallIntegerField(default=0, db_default=0)
    crashes = models.SmallIntegerField(default=0, db_default=0)
    cancel_asked = models.BooleanField(default=False, db_default=False)
    version = models.IntegerField(default=1, db_default=1, help_text="Raised by every move.")

    payload = models.JSONField()
    result = models.JSONField(null=True)
    code = models.TextField(default="", db_default="", help_text="How it ended; empty before.")
    error = models.TextField(default="", db_default="", help_text="The last error, for people.")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    door = models.TextField(default="", db_default="", help_text="web, cli, api, schedule, code.")
    rerun_of = models.UUIDField(null=True, help_text="The job this one repeats.")

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, help_text="The start of the latest attempt.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "millrace_job"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="millrace_job_state", condition=Q(state__in=[s.value for s in State])
            ),
            models.CheckConstraint(
                name="millrace_job_priority", condition=Q(priority__gte=-100, priority__lte=100)
            ),
            models.CheckConstraint(
                name="millrace_job_held",
                condition=Q(state="running", holder__isnull=False, lease__isnull=False)
                | (~Q(state="running") & Q(holder__isnull=True, lease__isnull=True)),
            ),
            models.CheckConstraint(
                name="millrace_job_held_waits",
                condition=Q(held_by__isnull=True) | Q(state="queued", ready=False),
            ),
            models.CheckConstraint(
                name="millrace_job_has_due_time",
                condition=~Q(state__in=["scheduled", "retrying"]) | Q(run_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("turn"),
                F("seq"),
                name="millrace_job_line",
                condition=Q(state="queued", ready=True),
            ),
            # Not `state = running`: under an old snapshot the planner would walk dead entries.
            models.Index(F("lease"), name="millrace_job_lease", condition=Q(lease__isnull=False)),
            models.Index(
                F("run_at"), name="millrace_job_due", condition=Q(state__in=["scheduled", "retrying"])
            ),
            models.Index(
                F("kind"),
                F("queue"),
                name="millrace_job_unknown",
                condition=Q(state="queued", ready=False, held_by__isnull=True),
            ),
            # The line before each key. Only what is held stands in it, so that it costs others nothing.
            models.Index(
                F("held_by"),
                F("priority").desc(),
                F("turn"),
                F("seq"),
                name="millrace_job_held_by",
                condition=Q(held_by__isnull=False),
            ),
            models.Index(F("owner"), F("id").desc(), name="millrace_job_owner"),
            models.Index(
                F("group"), F("id").desc(), name="millrace_job_group", condition=Q(group__isnull=False)
            ),
            models.Index(
                F("finished_at"), name="millrace_job_finished", condition=Q(finished_at__isnull=False)
            ),
            models.Index(
                F("id").desc(), name="millrace_job_given_up", condition=Q(state__in=["failed", "cancelled"])
            ),
            models.Index(F("id").desc(), name="millrace_job_told", condition=~Q(error="")),
        ]
        permissions = [
            ("submit_job", "Can submit jobs"),
            ("operate_job", "Can see and act on everybody's jobs"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it without a person's retry."""
        return self.state in FINAL
