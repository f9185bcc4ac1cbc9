"""Queues: whether what could run does run, and whether somebody moves what is due.

Counting ends at a thousand: how much longer a line is changes nothing about why it stands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import UUID

from jobs.conf import conf
from jobs.database import Database
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.looking import looking
from jobs.doctor.words import counted, some, span
from jobs.doctor.workers import START
from jobs.lifecycle.known import LIVE, held, silent_seconds
from jobs.text import MANAGE

MOST = 1000
LOOK_AGAIN_SECONDS = 1.0
"""Between two looks at a queue that seems deaf: whoever was about to claim has done so by then."""
LATE_SWEEPS = 6
"""How many sweeps late a due job or an expired lease may be."""

# From queue to queue along the index of the line. A job is as old here as the last thing that befell it.
LINES = f"""
    WITH RECURSIVE line AS (
        (SELECT queue FROM millrace_job WHERE state = 'queued' AND ready ORDER BY queue LIMIT 1)
        UNION ALL
        SELECT (SELECT queue FROM millrace_job
                 WHERE state = 'queued' AND ready AND queue > line.queue ORDER BY queue LIMIT 1)
          FROM line WHERE line.queue IS NOT NULL)
    SELECT line.queue, head.id,
           extract(epoch FROM clock_timestamp() - greatest(head.created_at, head.run_at, (
               SELECT max(at) FROM millrace_job_event WHERE job_id = head.id)))::float8,
           (SELECT count(*)::int FROM (SELECT 1 FROM millrace_job
             WHERE state = 'queued' AND ready AND queue = line.queue LIMIT {MOST}) AS part),
           coalesce(is_paused, false), coalesce(pause_reason, ''), coalesce(paused_by, ''),
           extract(epoch FROM clock_timestamp() - paused_at)::float8,
           (SELECT coalesce(sum(slots), 0)::int FROM millrace_worker
             WHERE {LIVE} AND line.queue = ANY (queues))
      FROM line
      JOIN LATERAL (SELECT id, created_at, run_at FROM millrace_job
                     WHERE state = 'queued' AND ready AND queue = line.queue
                     ORDER BY priority DESC, turn, seq LIMIT 1) AS head ON true
      LEFT JOIN millrace_queue ON name = line.queue
"""  # noqa: S608 - constants of ours
HELD_BACK = f"""
    SELECT kind, queue, count(*)::int FROM (
        SELECT kind, queue FROM millrace_job
         WHERE state = 'queued' AND NOT ready AND held_by IS NULL LIMIT {MOST}) AS waiting
     WHERE {held("queue", "kind")} GROUP BY kind, queue ORDER BY kind, queue
"""  # noqa: S608 - constants of ours
RUNNING = "SELECT count(*)::int FROM millrace_job WHERE lease IS NOT NULL"
OVERDUE = f"""
    SELECT (SELECT count(*)::int FROM (SELECT 1 FROM millrace_job
             WHERE state IN ('scheduled', 'retrying')
               AND run_at < statement_timestamp() - make_interval(secs => %(late)s) LIMIT {MOST}) AS due),
           (SELECT count(*)::int FROM (SELECT 1 FROM millrace_job
             WHERE lease < statement_timestamp() - make_interval(secs => %(lost)s) LIMIT {MOST}) AS lost)
"""  # noqa: S608 - constants of ours


class Line(NamedTuple):
    """A queue with ready work."""

    queue: str
    head: UUID
    age: float
    ready: int
    is_paused: bool
    reason: str
    paused_by: str
    paused_for: float | None
    slots: int

    @property
    def many(self) -> str:
        """How many jobs stand in it."""
        return f"{self.ready:,} or more jobs" if self.ready >= MOST else counted(self.ready, "job")


def look() -> Seen:
    """Every queue with work, and what is due beside."""
    with looking() as db:
        lines, running = ask_lines(db), db.rows(RUNNING)[0][0]
        unknown_kinds = db.rows(HELD_BACK, {"silent": silent_seconds()})
        late = LATE_SWEEPS * conf().sweep_seconds
        [(due, lost)] = db.rows(OVERDUE, {"late": late, "lost": late + 2 * conf().heartbeat_seconds})
    ready = sum(line.ready for line in lines)
    more = " or more" if any(line.ready >= MOST for line in lines) else ""
    text = f"{counted(running, 'job')} running, {ready:,}{more} ready in {counted(len(lines), 'queue')}"
    findings = [*unserved(lines), *paused(lines), *stranded(unknown_kinds), *forgotten(due, lost, late)]
    return Seen(text, [*findings, *deaf(lines, running)])


def ask_lines(db: Database) -> list[Line]:
    """The queues that have ready work."""
    return [Line(*row) for row in db.rows(LINES, {"silent": silent_seconds()})]


def unserved(lines: list[Line]) -> Iterator[Finding]:
    """Work, and nobody who would hear of it."""
    for line in lines:
        if not line.slots and not line.is_paused:
            yield problem(
                "queues.unserved",
                f"{line.many} in the queue {line.queue}, the next one since {span(line.age)},"
                " and no worker listens.",
                why="None of them starts.",
                remedy=f"{START} -Q {line.queue}   (without -Q it hears the queues of the kinds it knows)",
            )


def paused(lines: list[Line]) -> Iterator[Finding]:
    """Somebody's decision, perhaps forgotten."""
    for line in lines:
        if line.is_paused:
            since = f" since {span(line.paused_for)}" if line.paused_for is not None else ""
            yield warning(
                "queues.paused",
                f"{line.queue} is paused{since} by {line.paused_by or 'somebody'}, with {line.many} waiting"
                + (f": {line.reason}." if line.reason else "."),
                why="None of them starts until somebody resumes it.",
                remedy=f"{MANAGE} resume {line.queue}",
            )


def stranded(kinds: list[tuple[str, str, int]]) -> Iterator[Finding]:
    """Accepted by a newer or another installation than works here."""
    if kinds:
        told = some([f"{kind} in {queue} ({many:,})" for kind, queue, many in kinds])
        yield problem(
            "queues.unknown_kind",
            f"Wait for a worker that knows their kind: {told}.",
            why="No running worker of their queue can do them.",
            remedy="Start workers of the version that accepted them, with the same EXTRA_APPS; or cancel"
            f" them: {MANAGE} jobs --state queued --kind KIND, then {MANAGE} cancel ID",
        )


def forgotten(due: int, lost: int, late: float) -> Iterator[Finding]:
    """The timers of every worker and of Beat do this; if it is left undone, none of them runs."""
    if due:
        yield problem(
            "queues.overdue",
            f"{counted(due, 'job')} should have been ready more than {span(late)} ago.",
            why="No worker and no Beat moves what is due; it waits for one.",
            remedy=f"{START}   (if workers run, their logs say timer_failed or timer_lost_database)",
        )
    if lost:
        yield problem(
            "queues.lost",
            f"{counted(lost, 'job')} lost the worker and were not given to another.",
            why="Rescue is left undone: no worker has had contact with the database for two heartbeats.",
            remedy=f"{START}   (if workers run, their logs say timer_failed or timer_lost_database)",
        )


def deaf(lines: list[Line], running: int) -> Iterator[Finding]:
    """A free slot that listens, and a job that stands before it unclaimed, at both looks."""
    patience = conf().deaf_seconds
    suspects = [line for line in lines if is_deaf(line, running, patience)]
    if not suspects:
        return
    still = again(lambda: {line.head for line in suspects})
    for line in suspects:
        if line.head in still:
            yield problem(
                "queues.deaf",
                f"{line.many} in {line.queue}, the next one since {span(line.age)}, while"
                f" {line.slots - running} of {line.slots} slots that listen are free.",
                why="Bells do not come through: the workers are deaf, or the broker holds the bells back.",
                remedy="They reconnect by themselves within a minute; if this stays, restart them:"
                " TERM drains. Their logs say consumer_reset and worker_deaf.",
            )


def is_deaf(line: Line, running: int, patience: float) -> bool:
    """Whether somebody free should have taken the head by now."""
    return not line.is_paused and line.age > patience and line.slots > running


def again(heads: Callable[[], set[UUID]]) -> set[UUID]:
    """Which of them still stand at the head a moment later."""
    threading.Event().wait(LOOK_AGAIN_SECONDS)
    with looking() as db:
        return heads() & {line.head for line in ask_lines(db)}
