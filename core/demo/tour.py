"""Hand in one job of every kind over HTTP, follow them all, fetch what came out.

Runs in a thread beside the supervisor. What the jobs do is read from the database, as the pages do.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from core.demo.browser import Browser
from core.demo.errors import DemoError
from core.demo.form import Form

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 150
LEDGER = ("accepted", "done", "failed", "skipped", "uncertain")


@dataclass
class Stop:
    """One kind that the tour visits, and how its job is doing."""

    kind: str
    url: str = ""
    job: str = ""
    state: str = "handing in"
    fraction: float = 0.0
    note: str = ""
    waited: float | None = None
    ran: float | None = None
    came_out: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.state in ("succeeded", "failed", "cancelled", "refused")

    @property
    def is_well(self) -> bool:
        return self.state == "succeeded"


class Tour:
    """`show` is called whenever somebody should look again."""

    def __init__(self, site: str, name: str, password: str, show: Callable[[list[Stop]], None]) -> None:
        self.browser = Browser(site)
        self.name, self.password = name, password
        self.show = show
        self.stops: list[Stop] = []

    @property
    def is_well(self) -> bool:
        return bool(self.stops) and all(stop.is_well for stop in self.stops)

    def run(self) -> None:
        import django

        django.setup()
        from jobs.registry import KINDS

        kinds = KINDS.listed()
        self.stops = [Stop(kind.name) for kind in kinds]
        self.browser.sign_in("/sign-in", self.name, self.password)
        for stop, kind in zip(self.stops, kinds, strict=True):
            self.hand_in(stop, kind)
            self.look()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(stop.is_over for stop in self.stops):
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
            self.look()
        for stop in self.stops:
            self.fetch(stop)
        self.look()

    def hand_in(self, stop: Stop, kind: Any) -> None:
        """Open the kind's page, fill in its form, send it; the answer leads to the job."""
        path = f"/kinds/{kind.name}"
        try:
            filled = Form(self.browser.get(path).text).fill(kind.example, kind.examples)
            answer = self.browser.send(path, filled)
        except DemoError as error:
            stop.state, stop.note = "refused", str(error)
            return
        beginning, _, job = answer.url.rpartition("/jobs/")
        if not beginning:
            stop.state, stop.note = "refused", answer.complaints() or f"status {answer.status}"
            return
        stop.url, stop.job, stop.state = answer.url, job, "queued"

    def look(self) -> None:
        from jobs.models import Job, Progress

        by_id = {UUID(stop.job): stop for stop in self.stops if stop.job}
        for progress in Progress.objects.filter(job__in=list(by_id)):
            stop = by_id[progress.job_id]
            stop.fraction, stop.note = progress.fraction, progress.note
        for job in Job.objects.filter(pk__in=list(by_id)):
            note_job(by_id[job.pk], job)
        self.show(self.stops)

    def fetch(self, stop: Stop) -> None:
        """Every file that came out can be fetched, and is as long as it should be."""
        from jobs.models import Artifact, Job

        if not stop.is_well:
            return
        result = Job.objects.get(pk=UUID(stop.job)).result or {}
        links = self.browser.get(stop.url).links("/files/")
        sizes = {len(self.browser.get(link).content) for link in links}
        for artifact in Artifact.objects.filter(job=UUID(stop.job)).order_by("id"):
            stop.came_out.append(f"{artifact.name}, {size(artifact.size)}")
            if artifact.size not in sizes:
                stop.state, stop.note = "refused", f"{artifact.name} cannot be fetched from {stop.url}"
        values = result.get("values", result) if isinstance(result, dict) else {}
        if told := counts(values):
            stop.came_out.append(told)


def note_job(stop: Stop, job: Any) -> None:
    stop.state = str(job.state)
    if job.started_at:
        stop.waited = (job.started_at - job.created_at).total_seconds()
    if job.started_at and job.finished_at:
        stop.ran = (job.finished_at - job.started_at).total_seconds()
    if stop.is_over:
        stop.fraction = 1.0
        stop.note = job.error if stop.state != "succeeded" else ""


def counts(values: Mapping[str, Any]) -> str:
    """The numbers of a result, the ledger's first; nothing that was not counted."""
    numbers = {name: value for name, value in values.items() if type(value) is int}
    names = [*(name for name in LEDGER if name in numbers), *(name for name in numbers if name not in LEDGER)]
    return ", ".join(f"{name} {numbers[name]}" for name in names if numbers[name] or name == "failed")


def size(number: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def mails(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.eml")}
