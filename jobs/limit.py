"""Limits: what a kind declares about how much of it may happen at once, or in a time, under one key.

    @job_kind("shop.fetch", …, limits=[
        Limit("host", by=lambda payload, owner: payload.host, at_once=3),
        Limit("owner", by=per_owner, rate=Rate(100, timedelta(minutes=1))),
    ])

The key of the first is `host=example.org`: every kind that names its limit so shares it. A job waits until
every one of its keys has room.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from jobs.text import span

MOST_AT_ONCE = 1000
"""The gate looks at every job that holds a slot of a key when it hands on another."""
KEY_CHARACTERS = 300
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z")


@dataclass(frozen=True)
class Rate:
    """At most `starts` in every `per`, in the long run; after a pause that many may start together."""

    starts: int
    per: timedelta

    def __post_init__(self) -> None:
        if self.starts < 1:
            raise ValueError(f"Rate({self.starts}, …) must allow at least 1 start")
        if self.per <= timedelta(0):
            raise ValueError(f"Rate(…, {self.per}) must be a time above 0")


@dataclass(frozen=True)
class Limit:
    """One limit of a kind.

    `by` says from the payload and the owner's id whose limit it is; None means this job has none of it. Left
    out, all jobs of kinds that name it share it.
    """

    name: str
    by: Callable[[Any, int], str | None] | None = None
    at_once: int | None = None
    rate: Rate | None = None

    def __post_init__(self) -> None:
        if not NAME.match(self.name):
            raise ValueError(
                f"Limit({self.name!r}) is not a name: use lower-case letters, digits, '.', '_' and '-'."
            )
        if self.at_once is None and self.rate is None:
            raise ValueError(f"Limit({self.name!r}) limits nothing: give at_once, a rate, or both")
        if self.at_once is not None and not 1 <= self.at_once <= MOST_AT_ONCE:
            raise ValueError(f"Limit({self.name!r}, at_once={self.at_once}) must be 1 to {MOST_AT_ONCE:,}")

    @property
    def said(self) -> str:
        """In words: `at most 3 at once for each host`."""
        parts = [f"at most {self.at_once} at once"] if self.at_once else []
        if self.rate:
            starts = f"{self.rate.starts} start{'s' if self.rate.starts != 1 else ''}"
            parts.append(f"at most {starts} in {span(self.rate.per)}")
        whose = f"for each {self.name}" if self.by else f"for all that share “{self.name}”"
        return f"{' and '.join(parts)} {whose}"

    def bound(self, payload: Any, owner: int) -> Bound | None:
        """What holds for one job; None if this limit is not about it."""
        key = self.name
        if self.by is not None:
            about = self.by(payload, owner)
            if about is None:
                return None
            key = f"{self.name}={about}".replace("\x00", "␀")[:KEY_CHARACTERS]
        if self.rate is None:
            return Bound(key, self.at_once, None, None)
        return Bound(key, self.at_once, self.rate.starts, self.rate.per.total_seconds())


class Bound(NamedTuple):
    """A limit as a job carries it: at most `at_once` together, and `starts` every `seconds`."""

    key: str
    at_once: int | None
    starts: int | None
    seconds: float | None


def as_json(bounds: Sequence[Bound]) -> str | None:
    """A job's limits as its row keeps them."""
    return json.dumps(bounds) if bounds else None


def from_json(text: str | None) -> list[Bound]:
    """The same, read back."""
    return [Bound(*each) for each in json.loads(text)] if text else []


def per_owner(payload: Any, owner: int) -> str:
    """For `Limit(by=…)`: each owner has a limit of their own."""
    return str(owner)


def bounds_of(limits: Sequence[Limit], payload: Any, owner: int) -> list[Bound]:
    """What a job carries, in the order of the keys, each once: the first that a kind names counts."""
    if not limits:
        return []
    found = {bound.key: bound for limit in reversed(limits) if (bound := limit.bound(payload, owner))}
    return [found[key] for key in sorted(found)]
