"""Times: whether the periods leave each other room, and nothing ends a worker before its jobs' own limits."""

from __future__ import annotations

from collections.abc import Iterator

from celery_app import app
from jobs.checks import wrong_times
from jobs.conf import Conf, conf
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.words import some, span
from jobs.registry import KINDS, Kind
from jobs.text import MANAGE

VISIBLE_SECONDS = 3600.0
"""Kombu's default visibility_timeout on Redis."""


def look() -> Seen:
    """Settings alone; nobody is asked."""
    given = conf()
    slow = max(KINDS.all(), key=lambda kind: kind.timeout, default=None)
    text = f"lease {span(given.lease_seconds)}, heartbeat {span(given.heartbeat_seconds)}," + (
        f" sweep {span(given.sweep_seconds)}, drain {span(given.drain_seconds)}"
    )
    if slow is not None:
        text += f"; the longest kind, {slow.name}, may take {span(slow.timeout.total_seconds())}"
    return Seen(text, [*proportions(given), *cut_short(given), *repeated()])


def proportions(given: Conf) -> Iterator[Finding]:
    """Those that the system checks hold as well."""
    for found in wrong_times(given):
        yield problem(
            f"times.{str(found.id).partition('.')[2]}",
            found.msg,
            why=f"Workers refuse to start with it once `{MANAGE} check` runs before them.",
            remedy=str(found.hint),
        )


def cut_short(given: Conf) -> Iterator[Finding]:
    """Celery's own limits know bells, not jobs: they end the child with everything it holds."""
    for name in ("task_time_limit", "task_soft_time_limit"):
        limit = app.conf[name]
        longer = [kind.name for kind in KINDS.all() if limit and longest(kind, given) > limit]
        if longer:
            yield problem(
                f"times.{name}",
                f"CELERY_{name.upper()} is {limit:g} s, and some kinds may take longer: {some(longer)}.",
                why="It ends the whole child in mid-job, which counts as a lost worker each time.",
                remedy=f"Remove CELERY_{name.upper()}; plain tasks take theirs by @task(time_limit=…)",
            )


def longest(kind: Kind, given: Conf) -> float:
    """How long one bell may last: the rest of a slice, and a job to its hard limit."""
    return given.slice_seconds + kind.timeout.total_seconds() + given.grace_seconds


def repeated() -> Iterator[Finding]:
    """Redis gives a late-acknowledged message to another worker while the first still works on it."""
    if not str(app.conf.broker_url).startswith(("redis", "valkey", "sentinel")):
        return
    patience = float(app.conf.broker_transport_options.get("visibility_timeout", VISIBLE_SECONDS))
    app.loader.import_default_modules()
    late = [
        name
        for name, task in sorted(app.tasks.items())
        if not name.startswith(("celery.", "millrace."))
        and task.acks_late
        and not 0 < (task.time_limit or app.conf.task_time_limit or 0) < patience
    ]
    if late:
        yield warning(
            "times.visibility",
            f"Plain tasks that acknowledge late and may run longer than the visibility timeout"
            f" ({span(patience)}): {some(late)}.",
            why="Redis then gives the message to a second worker while the first still works on it.",
            remedy="Give them a time_limit below it, or make them kinds; or raise"
            " CELERY_BROKER_TRANSPORT_OPTIONS['visibility_timeout']",
        )
