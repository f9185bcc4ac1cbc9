"""Follow jobs from the command line until they have ended: why they wait, how far they are, what they log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from jobs.artifacts import make_link
from jobs.errors import Gone
from jobs.lifecycle.reasons import waiting_reasons
from jobs.management.screen import Screen
from jobs.models import Job, LogLine, Progress
from jobs.states import WAITING, State

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 1.0
MOST_LINES = 200


def follow(id: UUID, *, timeout: float | None, screen: Screen) -> Job | None:
    """The job once it has ended, or None once the time is over."""
    ended = follow_all([id], timeout=timeout, screen=screen, tell=lambda job: None, with_log=False)
    return ended[0] if ended else None


def follow_all(
    ids: Sequence[UUID],
    *,
    timeout: float | None,
    screen: Screen,
    tell: Callable[[Job], None],
    with_log: bool = True,
) -> list[Job]:
    """The jobs that have ended, each told of when it does; fewer than asked for once the time is over."""
    until = None if timeout is None else time.monotonic() + timeout
    left, ended, pause = dict.fromkeys(ids), [], FIRST_LOOK_SECONDS
    log = Log(screen, is_named=len(left) > 1) if with_log else None
    try:
        while True:
            found = Job.objects.in_bulk(list(left))
            for id in list(left):
                if id not in found:
                    raise Gone(f"Job {id} was purged while it was waited for.")
                if log is not None:
                    log.tell(found[id])
                if found[id].is_final:
                    del left[id]
                    ended.append(found[id])
                    tell(found[id])
            if not left:
                return ended
            screen.show(*described([found[id] for id in left], len(ended)))
            if until is not None and time.monotonic() >= until:
                return ended
            rest = LONGEST_LOOK_SECONDS if until is None else max(until - time.monotonic(), 0)
            time.sleep(min(pause, rest))
            pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)
    finally:
        screen.close()


def described(jobs: list[Job], ended: int) -> tuple[str, float | None]:
    """What a person reads about those that have not ended, and how far they are together."""
    if len(jobs) == 1 and not ended:
        return describe(jobs[0])
    states: dict[str, int] = {}
    for job in jobs:
        states[job.state] = states.get(job.state, 0) + 1
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    fractions = Progress.objects.filter(job__in=[job for job in jobs if job.state == State.RUNNING])
    done = ended + sum(each.fraction for each in fractions)
    return f"{ended} of {ended + len(jobs)} ended; {told}", done / (ended + len(jobs))


def describe(job: Job) -> tuple[str, float | None]:
    """What a person reads about a job that has not ended, and how far it is."""
    if job.state in WAITING:
        waiting = waiting_reasons([job.id]).get(job.id)
        return f"{job.state}: {waiting.text}" if waiting else job.state, None
    progress = Progress.objects.filter(job=job.id, attempt=job.attempt).first()
    if progress is None:
        return job.state, None
    return f"{job.state}: {progress.note}" if progress.note else job.state, progress.fraction


class Log:
    """The log lines of the jobs, each once."""

    def __init__(self, screen: Screen, *, is_named: bool) -> None:
        self.screen = screen
        self.is_named = is_named
        self._last: dict[UUID, int] = {}

    def tell(self, job: Job) -> None:
        """What is new."""
        lines = LogLine.objects.filter(job=job, id__gt=self._last.get(job.id, 0)).order_by("id")[:MOST_LINES]
        for line in lines:
            self._last[job.id] = line.id
            name = f"{job.id} " if self.is_named else ""
            self.screen.say(f"{name}{line.at:%H:%M:%S} {line.level} {line.text}")


def sentence(job: Job) -> str:
    """How it ended, for people."""
    ran = (
        f" after {(job.finished_at - job.started_at).total_seconds():.3g} s"
        if job.finished_at and job.started_at
        else ""
    )
    why = f": {job.error or job.code}" if job.state != State.SUCCEEDED else ""
    return f"Job {job.id} {job.state}{ran}{why}"


def outcome_of(job: Job) -> dict[str, Any]:
    """A job that has ended, for programs."""
    started, ended = job.started_at, job.finished_at
    due = max(job.created_at, job.run_at) if job.run_at else job.created_at
    address = getattr(settings, "PUBLIC_URL", "")
    return {
        "id": str(job.id),
        "kind": job.kind,
        "state": job.state,
        "code": job.code,
        "error": job.error if job.state != State.SUCCEEDED else "",
        "attempt": job.attempt,
        "waited_seconds": round((started - due).total_seconds(), 3) if started else None,
        "ran_seconds": round((ended - started).total_seconds(), 3) if started and ended else None,
        "result": job.result,
        "files": [
            {
                "id": str(file.id),
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "link": address + make_link(file),
            }
            for file in job.artifacts.all()
        ],
    }
