"""Queues in the admin: pause and resume by the verbs, so that workers hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet, TextField
from django.forms import TextInput
from django.http import HttpRequest

from jobs.lifecycle.pause import pause_queue, resume_queue
from jobs.models import Queue

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Queue]
else:
    Admin = admin.ModelAdmin


@admin.register(Queue)
class QueueAdmin(Admin):
    """A queue nobody decided about has no row; add one to pause it."""

    list_display = ("name", "is_paused", "pause_reason", "paused_by", "paused_at")
    list_filter = ("is_paused",)
    readonly_fields = ("is_paused", "paused_by", "paused_at")
    actions = ("pause", "resume")
    formfield_overrides = {TextField: {"widget": TextInput(attrs={"size": 60})}}

    def get_readonly_fields(self, request: HttpRequest, obj: Queue | None = None) -> tuple[str, ...]:
        """The name is the key: changing it would make another queue."""
        return (*self.readonly_fields, "name") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A deleted pause would be a silent resume."""
        return False

    @admin.action(description="Pause the selected queues", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Queue]) -> None:
        for queue in queryset:
            pause_queue(queue.name, actor=request.user.get_username(), reason=queue.pause_reason)
        self.message_user(request, "Paused. What runs goes on; nothing new begins.", messages.SUCCESS)

    @admin.action(description="Resume the selected queues", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Queue]) -> None:
        resumed = [
            queue.name for queue in queryset if resume_queue(queue.name, actor=request.user.get_username())
        ]
        self.message_user(
            request, f"Open again: {', '.join(resumed) or 'none was paused'}.", messages.SUCCESS
        )
