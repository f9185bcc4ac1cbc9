"""RabbitMQ as a broker: what can be seen through a plain connection."""

from __future__ import annotations

from typing import Any

from jobs.conf import conf
from jobs.doctor.finding import Finding, Seen, warning
from jobs.doctor.words import span
from jobs.registry import KINDS

CONSUMER_SECONDS = 30 * 60.0
"""RabbitMQ's default consumer_timeout; a connection cannot ask what is in force."""


def look_at_broker(connection: Any, took: float) -> Seen:
    """The server behind a connection of kombu's."""
    told: dict[str, Any] = connection.connection.server_properties
    version = f"{told.get('product', 'RabbitMQ')} {told.get('version', '?')}"
    return Seen(f"{version} answers in {took * 1000:.0f} ms", long_jobs())


def long_jobs() -> list[Finding]:
    """Bells are acknowledged after the work, so the longest job must fit into RabbitMQ's patience."""
    slow = max(KINDS.all(), key=lambda kind: kind.timeout, default=None)
    if slow is None:
        return []
    longest = slow.timeout.total_seconds() + conf().grace_seconds
    if longest < CONSUMER_SECONDS:
        return []
    needed = int(longest * 1.5) * 1000
    return [
        warning(
            "rabbitmq.patience",
            f"{slow.name} may run for {span(longest)}; RabbitMQ's consumer_timeout is"
            f" {span(CONSUMER_SECONDS)} unless somebody raised it, which cannot be asked from here.",
            why="RabbitMQ then cuts the worker off in mid-job. The job goes on; the worker is deaf.",
            remedy=f"consumer_timeout = {needed}   (milliseconds, in rabbitmq.conf)",
        )
    ]
