"""Workers in the admin, as they announced themselves."""

from __future__ import annotations

from django.contrib import admin

from jobs.admin.read_only import ReadOnlyAdmin
from jobs.models import Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """To look at."""

    list_display = ("name", "queues", "slots", "version", "is_draining", "started_at", "beat_at")
    list_filter = ("is_draining", "version")
