"""Jobs in the admin: to look at, to find, to cancel and to retry by the verbs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.admin.read_only import ReadOnlyAdmin
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.retry import retry_jobs
from jobs.models import Job, JobEvent
from jobs.models.worker import where
from jobs.owners import can_operate
from jobs.registry import KINDS


class Declared(admin.SimpleListFilter):
    """A filter over the names this installation declares: asking the table would scan it."""

    names: Any

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in self.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class KindFilter(Declared):
    """By kind."""

    title = parameter_name = "kind"

    @staticmethod
    def names() -> list[str]:
        return [kind.name for kind in KINDS.all()]


class QueueFilter(Declared):
    """By queue."""

    title = parameter_name = "queue"

    @staticmethod
    def names() -> list[str]:
        return KINDS.queues()


class EventInline(admin.TabularInline):  # type: ignore[type-arg]
    """The mishaps and acts of a job."""

    model = JobEvent
    extra = 0
    can_delete = False
    readonly_fields = ("at", "event", "attempt", "started_at", "actor", "detail")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Read-only; the actions call the verbs."""

    list_display = ("kind", "state", "queue", "owner", "attempt", "created_at", "finished_at", "code", "id")
    list_filter = ("state", KindFilter, QueueFilter)
    list_select_related = ("owner",)
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("id",)
    search_help_text = "A whole job id."
    ordering = ("-id",)
    readonly_fields = ("page", "runs_on")
    inlines = (EventInline,)
    actions = ("cancel", "retry")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("payload", "result", "error")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole id, which has an index; a part of one finds nothing."""
        if not search_term:
            return queryset, False
        try:
            return queryset.filter(id=UUID(search_term.strip())), False
        except ValueError:
            self.message_user(request, f"{search_term!r} is not a job id.", messages.WARNING)
            return queryset.none(), False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may act on everybody's jobs."""
        return can_operate(request.user)

    @admin.display(description="Page")
    def page(self, job: Job) -> SafeString:
        return format_html('<a href="{}">its page</a>', reverse("job", args=[job.id]))

    @admin.display(description="Runs on")
    def runs_on(self, job: Job) -> str:
        return where(job.holder) if job.holder else "-"

    @admin.action(description="Cancel the selected jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        ids = list(queryset.values_list("id", flat=True))
        done = cancel_jobs(ids, actor=request.user.get_username())
        self.tell(request, "cancelled or asked to stop", len(done), len(ids), "had ended already")

    @admin.action(description="Retry the selected jobs", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        ids = list(queryset.values_list("id", flat=True))
        done = retry_jobs(ids, actor=request.user.get_username())
        self.tell(request, "queued again", len(done), len(ids), "were neither failed nor cancelled")

    def tell(self, request: HttpRequest, what: str, done: int, asked: int, why: str) -> None:
        rest = f"; {asked - done} {why}" if done < asked else ""
        level = messages.SUCCESS if done == asked else messages.WARNING
        self.message_user(request, f"{done} {what}{rest}.", level)
