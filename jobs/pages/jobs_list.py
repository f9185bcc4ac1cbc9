"""The list of jobs: filters in the address, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Job, Progress
from jobs.owners import can_operate, visible_jobs
from jobs.pages.answers import is_live, page, signed_in
from jobs.pages.cursor import page_of
from jobs.pages.words import word
from jobs.registry import KINDS
from jobs.states import WAITING, State

HEAVY = ("payload", "result", "error")


@dataclass(frozen=True)
class Line:
    """A job as the list shows it."""

    job: Job
    title: str
    note: str
    percent: int | None


@dataclass(frozen=True)
class Filters:
    """What the address asks for; an empty one asks for everything."""

    state: str = ""
    kind: str = ""
    queue: str = ""
    owner: str = ""

    @classmethod
    def read(cls, request: HttpRequest) -> Filters:
        names = ["state", "kind", "queue"] + (["owner"] if can_operate(request.user) else [])
        return cls(**{name: word(request.GET, name) for name in names})

    def apply(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        wanted: dict[str, Any] = {
            "state": self.state,
            "kind": self.kind,
            "queue": self.queue,
            f"owner__{get_user_model().USERNAME_FIELD}": self.owner,
        }
        return jobs.filter(**{name: value for name, value in wanted.items() if value})

    @property
    def query(self) -> str:
        """The filters as a part of an address."""
        return urlencode({name: value for name, value in vars(self).items() if value})


@require_safe
@signed_in
def jobs_list(request: HttpRequest) -> HttpResponse:
    """A page of jobs that this person may see; htmx asks for the lines alone."""
    filters = Filters.read(request)
    cursor = request.GET.get("page", "")
    found = filters.apply(visible_jobs(request.user)).select_related("owner").defer(*HEAVY)
    shown = page_of(found, cursor)
    context = {
        "section": "jobs",
        "filters": filters,
        "shown": shown,
        "lines": lines_of(shown.jobs),
        "is_moving": any(not job.is_final for job in shown.jobs),
        "cursor": cursor,
        "states": list(State),
        "kinds": KINDS.all(),
        "queues": KINDS.queues(),
    }
    return page(request, "jobs_lines.html" if is_live(request) else "jobs.html", context)


def lines_of(jobs: list[Job]) -> list[Line]:
    """With the reason of those that wait and the progress of those that run."""
    reasons = waiting_reasons([job.id for job in jobs if job.state in WAITING])
    running = [job.id for job in jobs if job.state == State.RUNNING]
    progress = Progress.objects.in_bulk(running) if running else {}
    return [line_of(job, reasons.get(job.id), progress.get(job.id)) for job in jobs]


def line_of(job: Job, waiting: Any, progress: Progress | None) -> Line:
    kind = KINDS.get(job.kind)
    is_fresh = progress is not None and progress.attempt == job.attempt
    note = waiting.text if waiting else progress.note if progress and is_fresh else ""
    percent = round(progress.fraction * 100) if progress and is_fresh else None
    return Line(job, kind.title if kind else job.kind, note, percent)
