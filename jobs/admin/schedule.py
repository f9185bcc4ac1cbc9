"""Schedules in the admin: kinds to choose from, payloads checked when saved, what no longer fits shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import PeriodicTask

from jobs.errors import BadPayload, Refusal
from jobs.lifecycle.submit import submit_job
from jobs.registry import KINDS
from jobs.schedules.fire import payload_of


class KindSelect(TaskSelectWidget):
    """Kinds first, then the plain Celery tasks of installed apps."""

    def tasks_as_choices(self) -> tuple[tuple[str, Any], ...]:
        kinds = [(kind.name, f"{kind.name}: {kind.title}") for kind in KINDS.listed()]
        tasks = [
            pair for pair in super().tasks_as_choices() if pair[0] and not pair[0].startswith("millrace.")
        ]
        return (("", ""), ("Kinds of jobs", kinds), ("Celery tasks", tasks))


class ScheduleForm(PeriodicTaskForm):
    """A schedule whose payload is checked against its kind."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = KindSelect()
        self.fields["regtask"].label = "Kind or task"
        self.fields["task"].label = "Another task, by name"

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()
        kind = KINDS.get(data.get("task") or "")
        if kind is None or "kwargs" not in data or "args" not in data:
            return data
        row = PeriodicTask(task=kind.name, args=data["args"], kwargs=data["kwargs"])
        try:
            kind.validate(payload_of(row))
        except BadPayload as error:
            self.add_error("kwargs", ValidationError([str(problem) for problem in error.problems]))
        if (data.get("priority") or 0) > 100:
            self.add_error("priority", "A job's priority is at most 100.")
        return data


admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin):
    """django-celery-beat's own page, for kinds as well as tasks."""

    form = ScheduleForm
    list_display = (
        "name", "task", "enabled", "scheduler", "last_run_at", "total_run_count", "one_off", "problem",
    )  # fmt: skip
    list_select_related = ("interval", "crontab", "solar", "clocked")

    @admin.display(description="Problem")
    def problem(self, schedule: PeriodicTask) -> str:
        """Why the next firing would be refused; nothing if it would not."""
        kind = KINDS.get(schedule.task)
        if kind is None:
            return "" if schedule.task in self.celery_app.tasks else "No kind or task of this name here."
        try:
            kind.validate(payload_of(schedule))
        except BadPayload as error:
            return "; ".join(map(str, error.problems))
        return ""

    @admin.action(description="Run selected schedules now")
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """A kind becomes a job of whoever asked; plain tasks are sent as ever."""
        for schedule in queryset:
            if KINDS.get(schedule.task) is None:
                super().run_tasks(request, queryset.filter(pk=schedule.pk))
                continue
            try:
                submitted = submit_job(
                    schedule.task,
                    payload_of(schedule),
                    owner=request.user,  # type: ignore[arg-type]
                    queue=schedule.queue or None,
                    priority=schedule.priority or 0,
                    door="admin",
                )
            except Refusal as refusal:
                self.message_user(request, f"{schedule.name}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{schedule.name}: job {submitted.id} is on its way.")
