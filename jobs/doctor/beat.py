"""Beat: whether anybody fires the schedules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps

from jobs import VERSION
from jobs.database import Database
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.looking import looking
from jobs.doctor.words import counted, some, span
from jobs.lifecycle.known import silent_seconds
from jobs.registry import KINDS

START = "celery -A celery_app beat --pidfile="
HUNG_SECONDS = 120.0
"""Beat looks at its schedules every 5 s unless started with another --max-interval."""
BEATS = """
    SELECT name, pid, version, tick_seconds, extract(epoch FROM clock_timestamp() - beat_at)::float8
      FROM millrace_beat ORDER BY name
"""
SCHEDULES = """
    SELECT name, task FROM django_celery_beat_periodictask WHERE enabled AND task <> 'celery.backend_cleanup'
     ORDER BY name
"""


class Beat(NamedTuple):
    """One Beat, as it said of itself."""

    name: str
    pid: int
    version: str
    tick_seconds: float | None
    silent: float

    @property
    def is_heard(self) -> bool:
        """Whether its process lives and reaches the database."""
        return self.silent < silent_seconds()

    @property
    def is_hung(self) -> bool:
        """Whether its process lives, and nobody looks at the schedules."""
        return self.is_heard and (self.tick_seconds or 0.0) >= HUNG_SECONDS

    @property
    def who(self) -> str:
        """So that one finds it."""
        return f"Beat on {self.name} (pid {self.pid})"


def look() -> Seen:
    """Who fires, and what is to be fired."""
    with looking() as db:
        beats = [Beat(*row) for row in db.rows(BEATS)]
        schedules = ask_schedules(db)
    heard = [beat for beat in beats if beat.is_heard]
    if schedules is None:
        return Seen("not used: django_celery_beat is not installed")
    text = f"{counted(len(schedules), 'schedule')} switched on, " + (
        f"{counted(len(heard), 'Beat')}, heard {span(min(beat.silent for beat in heard))} ago"
        if heard
        else "no Beat"
    )
    if len(heard) > 1:
        text += " (more than one is safe: a firing makes one job)"
    return Seen(text, [*nobody(beats, schedules), *hung(beats), *aged(heard), *nameless(schedules)])


def ask_schedules(db: Database) -> list[tuple[str, str]] | None:
    """Name and task of each that is switched on; None where there can be none."""
    if not apps.is_installed("django_celery_beat"):
        return None
    return [(name, task) for name, task in db.rows(SCHEDULES)]


def nobody(beats: list[Beat], schedules: list[tuple[str, str]]) -> Iterator[Finding]:
    """Schedules without a Beat."""
    if not schedules or any(beat.is_heard for beat in beats):
        return
    last = min(beats, key=lambda beat: beat.silent, default=None)
    names = some([name for name, _ in schedules])
    yield problem(
        "beat.silent" if last else "beat.none",
        (f"{last.who} was last heard {span(last.silent)} ago" if last else "No Beat announced itself")
        + f", and {counted(len(schedules), 'schedule')} wait for one: {names}.",
        why="No schedule fires. Jobs that are due later or again do move: workers see to that.",
        remedy=START,
    )


def hung(beats: list[Beat]) -> Iterator[Finding]:
    """The thread that announces lives on where the scheduler hangs."""
    for beat in beats:
        if beat.is_hung:
            yield problem(
                "beat.hung",
                f"{beat.who} lives, but has not looked at its schedules for {span(beat.tick_seconds or 0)}.",
                why="No schedule fires, unless there is another Beat.",
                remedy=f"kill -TERM {beat.pid}   (on {beat.name}; whoever keeps it running starts it again,"
                f" else: {START})",
            )


def aged(heard: list[Beat]) -> Iterator[Finding]:
    """A Beat that an upgrade forgot."""
    for beat in heard:
        if beat.version != VERSION:
            yield warning(
                "beat.version",
                f"{beat.who} is version {beat.version}; {VERSION} runs here.",
                why="It refuses schedules of kinds that it does not know yet.",
                remedy=f"kill -TERM {beat.pid}, and start it with the new version: {START}",
            )


def nameless(schedules: list[tuple[str, str]]) -> Iterator[Finding]:
    """A name of no kind may be somebody's plain Celery task; one that begins as a kind of ours is not."""
    lost = [f"{name} ({task})" for name, task in schedules if is_misspelt(task)]
    if lost:
        yield warning(
            "beat.unknown_kind",
            f"Schedules of kinds that this installation does not have: {some(lost)}.",
            why="Each firing is sent as a plain Celery task, which no worker knows.",
            remedy="Correct them in the admin under Periodic tasks, or switch them off",
        )


def is_misspelt(task: str) -> bool:
    """Whether it begins as kinds of ours do, and is none."""
    families = {kind.name.partition(".")[0] for kind in KINDS.all()}
    return KINDS.get(task) is None and task.partition(".")[0] in families
