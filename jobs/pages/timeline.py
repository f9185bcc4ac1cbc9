"""What happened to a job, in order, in words for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.models import Job, JobEvent
from jobs.states import State

MOST = 50
WORDS = {
    "failed": ("Attempt {attempt} failed", "bad"),
    "timeout": ("Attempt {attempt} ran out of time", "bad"),
    "lost": ("Attempt {attempt} lost its worker", "bad"),
    "released": ("Attempt {attempt} was handed back by a stopping worker", "calm"),
    "cancel_asked": ("{actor} asked to stop it", "calm"),
    "cancelled": ("Cancelled by {actor}", "calm"),
    "retried": ("{actor} queued it again", "calm"),
    "changed": ("{actor} changed it", "calm"),
}
ENDS = {
    State.SUCCEEDED: ("Succeeded", "good"),
    State.FAILED: ("Failed for good", "bad"),
    State.CANCELLED: ("Cancelled", "calm"),
}
DOORS = {
    "web": "by web form",
    "public": "by public form",
    "cli": "by command",
    "api": "by API",
    "schedule": "by schedule",
    "code": "by code",
}


@dataclass(frozen=True)
class Moment:
    """One point of the timeline."""

    at: datetime | None
    title: str
    tone: str
    detail: str = ""


def timeline(job: Job) -> list[Moment]:
    """From submit to now; of very many mishaps only the newest."""
    events = list(job.events.order_by("-id")[:MOST])[::-1]
    moments = [Moment(job.created_at, f"Submitted {DOORS.get(job.door, '')}".strip(), "calm")]
    moments += [moment_of(event) for event in events]
    if job.started_at and job.attempt:
        started = Moment(job.started_at, f"Attempt {job.attempt} started", "calm")
        moments.insert(place_of(job, events), started)
    if job.state in (State.SCHEDULED, State.RETRYING):
        moments.append(Moment(job.run_at, "Next attempt" if job.attempt else "Due", "next"))
    if job.state in ENDS and not (job.state == State.CANCELLED and events):
        title, tone = ENDS[State(job.state)]
        moments.append(Moment(job.finished_at, title, tone))
    return moments


def place_of(job: Job, events: list[JobEvent]) -> int:
    """After everything that happened before the latest attempt began."""
    return 1 + sum(event.at <= job.started_at for event in events if job.started_at)


def moment_of(event: JobEvent) -> Moment:
    words, tone = WORDS.get(event.event, (event.event.replace("_", " ").capitalize(), "calm"))
    title = words.format(attempt=event.attempt, actor=event.actor or "Millrace")
    return Moment(event.at, title, tone, event.detail)
