"""An artifact: a file handed in or brought out, with its size, type and checksum."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job


class Artifact(models.Model):
    """A file in storage. The row makes it visible; a file without a row is swept away."""

    id = models.UUIDField(primary_key=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    job = models.ForeignKey(
        Job, null=True, on_delete=models.CASCADE, related_name="artifacts", help_text="The job that made it."
    )
    name = models.TextField(help_text="What a person calls it; never a path.")
    path = models.TextField(unique=True, help_text="Where the storage keeps it.")
    media_type = models.TextField()
    size = models.BigIntegerField(help_text="Bytes.")
    sha256 = models.TextField()
    expires_at = models.DateTimeField(null=True, help_text="When cleanup may forget it, job or not.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "millrace_artifact"
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.name


class ArtifactUse(models.Model):
    """A job's payload names an upload: it stays as long as one job uses it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="uses", db_index=False)
    artifact = models.ForeignKey(Artifact, on_delete=models.CASCADE, related_name="uses")

    class Meta:
        db_table = "millrace_artifact_use"
        constraints = [models.UniqueConstraint(fields=["job", "artifact"], name="millrace_artifact_use_once")]

    def __str__(self) -> str:
        return f"{self.job_id} uses {self.artifact_id}"
