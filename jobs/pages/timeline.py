"""What happened to a job, in order, in words for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.models import Job, JobEvent
from jobs.states import State

MOST = 50
WORDS = {
    "failed": ("Attempt {attempt} failed", "bad"),
    "timed_out": ("Attempt {attempt} ran out of time", "bad"),
    "lost": ("Attempt {attempt} lost its worker", "bad"),
    "released": ("Attempt {attempt} was handed back by a stopping worker", "calm"),
    "cancel_asked": ("{actor} asked to stop it", "calm"),
    "cancelled": ("Cancelled by {actor}", "calm"),
    "retried": ("{actor} queued it again", "calm"),
    "again": ("{actor} had the uncertain ones done again", "calm"),
    "asked_again": ("{actor} asked for it, to do again what was uncertain", "calm"),
    "left": ("{actor} left the uncertain ones as they are", "calm"),
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
    begun, asked_by = set(), ""
    for event in events:
        # Of what happened before starts were kept, only the latest attempt's is known.
        began = event.started_at or (job.started_at if event.attempt == job.attempt else None)
        if began and event.attempt and event.attempt not in begun:
            begun.add(event.attempt)
            moments.append(start(event.attempt, began))
        asked_by = event.actor if event.event == "cancel_asked" else asked_by
        moments.append(moment_of(event, asked_by))
    if job.started_at and job.attempt and job.attempt not in begun:
        moments.append(start(job.attempt, job.started_at))
    if job.state in (State.SCHEDULED, State.RETRYING):
        moments.append(Moment(job.run_at, "Next attempt" if job.attempt else "Due", "next"))
    is_told = job.state == State.CANCELLED and events and events[-1].event == "cancelled"
    if job.state in ENDS and not is_told:
        title, tone = ENDS[State(job.state)]
        title += f", as {asked_by} had asked" if job.state == State.CANCELLED and asked_by else ""
        moments.append(Moment(job.finished_at, title, tone))
    return moments


def start(attempt: int, at: datetime) -> Moment:
    return Moment(at, f"Attempt {attempt} started", "calm")


def moment_of(event: JobEvent, asked_by: str) -> Moment:
    """An event in words; an attempt that obeyed names who had asked it to."""
    words, tone = WORDS.get(event.event, (event.event.replace("_", " ").capitalize(), "calm"))
    if event.event == "cancelled" and not event.actor:
        words = "Stopped, as {actor} had asked" if asked_by else "Stopped by its kind"
    title = words.format(attempt=event.attempt, actor=event.actor or asked_by or "Millrace")
    return Moment(event.at, title, tone, event.detail)
