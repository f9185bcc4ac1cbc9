"""Place: where in which line a job stands, as it was asked for; what no line knows is refused."""

from __future__ import annotations

import re
from datetime import datetime

from jobs.errors import Refusal
from jobs.registry import Kind

QUEUE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")


class Place:
    """Where in which line a job goes; refuses what no line knows."""

    def __init__(self, kind: Kind, queue: str | None, priority: int, run_at: datetime | None) -> None:
        self.queue = queue or kind.queue
        check_place(self.queue, priority, run_at)


def check_place(queue: str, priority: int, run_at: datetime | None) -> None:
    """Raises Refusal for what no line knows."""
    if not QUEUE_NAME.match(queue):
        raise Refusal(f"Queue {queue!r} is not a name: use lower-case letters, digits, '.', '_' and '-'.")
    if not -100 <= priority <= 100:
        raise Refusal(f"Priority {priority} is out of range: give -100 (last) to 100 (first).")
    if run_at is not None and run_at.tzinfo is None:
        raise Refusal(f"The time {run_at.isoformat()} names no time zone: add one, e.g. +00:00.")
