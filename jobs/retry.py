"""When a failed attempt is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How many attempts may fail, and how long to wait between them.

    `attempts` counts failures: the job is `failed` when that many attempts failed. The wait doubles from
    `first` up to `longest`; `jitter` (0…1) is the share of it left to chance, so that jobs that failed
    together do not come back together. `waits`, where given, are the waits one by one, and the last goes on.
    """

    attempts: int = 3
    first: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(minutes=30)
    jitter: float = 0.2
    waits: tuple[timedelta, ...] = ()

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"Retry(attempts={self.attempts}) must be at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"Retry(jitter={self.jitter}) must be between 0 and 1")

    def allows(self, failures: int) -> bool:
        """Whether a job whose attempts failed this often may be tried again."""
        return failures < self.attempts

    def delay(self, failures: int) -> timedelta:
        """How long to wait after the given number of failures (≥ 1)."""
        share: float = 1 - self.jitter * random.random()  # noqa: S311 - no secret
        if self.waits:
            return self.waits[min(failures, len(self.waits)) - 1] * share
        wait: timedelta = self._doubled(failures - 1) * share
        return wait

    def _doubled(self, times: int) -> timedelta:
        """In seconds first: a timedelta overflows where a float does not."""
        seconds = self.first.total_seconds() * 2.0 ** min(times, 100)
        return self.longest if seconds >= self.longest.total_seconds() else timedelta(seconds=seconds)
