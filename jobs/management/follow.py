"""Follow a job from the command line until it has ended: progress on standard error, a bar on a terminal."""

from __future__ import annotations

import time
from typing import Any, TextIO
from uuid import UUID

from django.conf import settings

from jobs.artifacts import make_link
from jobs.errors import Gone
from jobs.lifecycle.reasons import waiting_reasons
from jobs.models import Job, Progress
from jobs.states import WAITING, State

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 1.0
BAR = 28
CLEAR = "\r\x1b[K"


def follow(id: UUID, *, timeout: float | None, to: TextIO) -> Job | None:
    """The job once it has ended, or None once the time is over."""
    until = None if timeout is None else time.monotonic() + timeout
    screen = Screen(to)
    pause = FIRST_LOOK_SECONDS
    try:
        while True:
            job = Job.objects.filter(id=id).first()
            if job is None:
                raise Gone(f"Job {id} was purged while it was waited for.")
            if job.is_final:
                return job
            screen.show(*describe(job))
            if until is not None and time.monotonic() >= until:
                return None
            left = LONGEST_LOOK_SECONDS if until is None else max(until - time.monotonic(), 0)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)
    finally:
        screen.close()


def describe(job: Job) -> tuple[str, float | None]:
    """What a person reads about a job that has not ended, and how far it is."""
    if job.state in WAITING:
        waiting = waiting_reasons([job.id]).get(job.id)
        return f"{job.state}: {waiting.text}" if waiting else job.state, None
    progress = Progress.objects.filter(job=job.id, attempt=job.attempt).first()
    if progress is None:
        return job.state, None
    return f"{job.state}: {progress.note}" if progress.note else job.state, progress.fraction


class Screen:
    """A bar that is drawn over on a terminal; elsewhere a line when there is something new to say."""

    def __init__(self, to: TextIO) -> None:
        self.to = to
        self.is_terminal = to.isatty()
        self._last = ""
        self._first: tuple[float, float] | None = None

    def show(self, text: str, fraction: float | None) -> None:
        """Say how it stands."""
        if not self.is_terminal:
            if text != self._last:
                self.to.write(text + "\n")
                self.to.flush()
            self._last = text
            return
        bar = "" if fraction is None else f"[{'█' * round(fraction * BAR):<{BAR}}] {fraction:4.0%} "
        self.to.write(f"{CLEAR}{bar}{text}{self.time_left(fraction)}")
        self.to.flush()

    def time_left(self, fraction: float | None) -> str:
        """A guess from how fast it went since the first look; none before there is something to go by."""
        if fraction is None:
            self._first = None
            return ""
        now = time.monotonic()
        if self._first is None or fraction < self._first[1]:
            self._first = (now, fraction)
        began, first = self._first
        if fraction <= first or now - began < 1:
            return ""
        seconds = (now - began) / (fraction - first) * (1 - fraction)
        return f", about {seconds:.0f} s left" if seconds < 120 else f", about {seconds / 60:.0f} min left"

    def close(self) -> None:
        """Leave the line clean."""
        if self.is_terminal:
            self.to.write(CLEAR)
            self.to.flush()


def outcome_of(job: Job) -> dict[str, Any]:
    """A job that has ended, for programs."""
    started, ended = job.started_at, job.finished_at
    due = max(job.created_at, job.run_at) if job.run_at else job.created_at
    address = getattr(settings, "PUBLIC_URL", "")
    return {
        "job": str(job.id),
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
