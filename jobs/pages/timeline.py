"""What happened to a job, in order, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from jobs.models import Job, JobEvent
from jobs.states import State
from jobs.templatetags.millrace import duration

MOST = 50
READ = 500
"""So many events are looked at: most of those of a job that waits for a limit are folded into one line."""
REASONS = 3
"""So many of what it waited for are named."""
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
    events = list(job.events.order_by("-id")[:READ])[::-1]
    groups = [list(group) for group in folded(events)]
    moments = [Moment(job.created_at, f"Submitted {DOORS.get(job.door, '')}".strip(), "calm")]
    begun, asked_by = set(), ""
    for place, group in list(enumerate(groups))[-MOST:]:
        event = group[0]
        # Of what happened before starts were kept, only the latest attempt's is known.
        began = event.started_at or (job.started_at if event.attempt == job.attempt else None)
        if began and event.attempt and event.attempt not in begun:
            moments.append(start(event.attempt, began))
        begun |= {event.attempt for event in group}
        asked_by = event.actor if event.event == "cancel_asked" else asked_by
        if is_put_aside(event):
            is_whole = place > 0 or len(events) < READ
            moments.append(put_aside(group, went_on(job, groups[place + 1 : place + 2]), is_whole=is_whole))
        else:
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


def is_put_aside(event: JobEvent) -> bool:
    """Whether it was handed back for what it needs: a worker that stops says no reason."""
    return event.event == "released" and bool(event.detail)


def folded(events: Sequence[JobEvent]) -> Iterator[Iterator[JobEvent]]:
    """Each alone; those of a job that was put aside again and again, together."""
    for is_aside, group in groupby(events, key=is_put_aside):
        if is_aside:
            yield group
        else:
            yield from (iter([event]) for event in group)


def went_on(job: Job, following: Sequence[Sequence[JobEvent]]) -> datetime | None:
    """When the attempt after these began, or will; None where that was not kept."""
    if following:
        return following[0][0].started_at
    return job.run_at if job.state == State.SCHEDULED else job.started_at


def put_aside(group: Sequence[JobEvent], until: datetime | None, *, is_whole: bool) -> Moment:
    """How often, for how long and what for."""
    reasons = "\n".join(list(dict.fromkeys(event.detail for event in group))[-REASONS:])
    if len(group) == 1:
        return Moment(group[0].at, "Put aside until what it waits for may be free", "calm", reasons)
    nexts = [event.started_at for event in group[1:]] + [until]
    waits = [next - event.at for event, next in zip(group, nexts, strict=True) if next and next > event.at]
    title = f"Put aside {'' if is_whole else 'at least '}{len(group)} times"
    title += f", {duration(sum(waits, timedelta()))} in all" if waits else ""
    return Moment(group[0].at, title, "calm", reasons)


def start(attempt: int, at: datetime) -> Moment:
    return Moment(at, f"Attempt {attempt} started", "calm")


def moment_of(event: JobEvent, asked_by: str) -> Moment:
    """An event in words; an attempt that obeyed names who had asked it to."""
    words, tone = WORDS.get(event.event, (event.event.replace("_", " ").capitalize(), "calm"))
    if event.event == "cancelled" and not event.actor:
        words = "Stopped, as {actor} had asked" if asked_by else "Stopped by its kind"
    title = words.format(attempt=event.attempt, actor=event.actor or asked_by or "Millrace")
    return Moment(event.at, title, tone, event.detail)
