"""The cache: rate limits of public forms and of signing in stand in it."""

from __future__ import annotations

import time

from django.core.cache import caches

from jobs.doctor.examine import first_line
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.mask import mask

NOBODYS = "doctor"
ALONE = ("LocMemCache", "DummyCache")


def look() -> Seen:
    """A read, and a write that changes nothing."""
    cache = caches["default"]
    name = type(cache).__name__
    if name in ALONE:
        return Seen(f"{name}, in each process by itself", [apart(name)])
    begun = time.monotonic()
    try:
        cache.get(NOBODYS)
        took = time.monotonic() - begun
        cache.touch(NOBODYS, 1)
    except Exception as error:  # noqa: BLE001 - every backend raises its own
        return Seen(f"{name} cannot be used", [away(name, mask(first_line(error)))])
    return Seen(f"{name} answers in {took * 1000:.0f} ms")


def apart(name: str) -> Finding:
    """Nobody counts for the others."""
    return warning(
        "cache.apart",
        f"The cache is {name}: every process has one of its own, or none.",
        why="Rate limits of public forms and of signing in are counted for each process apart.",
        remedy="Set REDIS_URL (CACHES with Django's RedisCache in a project of your own)",
    )


def away(name: str, told: str) -> Finding:
    """Rather let everybody in than nobody."""
    return problem(
        "cache.away",
        f"{name} cannot be used: {told}",
        why="Nobody is refused while it is away: limits of public forms and of signing in do not count.",
        remedy="Start it, or correct REDIS_URL (CACHES in a project of your own)",
    )
