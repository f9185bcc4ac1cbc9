"""When a request is sent again: the same one, with the same key."""

from __future__ import annotations

import random
from dataclasses import dataclass

from millrace_client.errors import MillraceError, Problem

PASSING = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """At most `attempts` tries; between them `first` seconds, doubled up to `longest`, give or take."""

    attempts: int = 5
    first: float = 0.5
    longest: float = 30.0

    def pause(self, tried: int, retry_after: str | None = None) -> float | None:
        """How long before the next try, after this many; None for no more. The server's word wins."""
        if tried >= self.attempts:
            return None
        if retry_after is not None and retry_after.isdigit():
            return min(float(retry_after), self.longest)
        return float(min(self.first * 2 ** (tried - 1), self.longest) * random.uniform(0.5, 1.0))  # noqa: S311


class Tries:
    """How often something was tried that is tried again until it succeeds, or until that is of no use."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self.tried = 0

    def went_on(self) -> None:
        """It brought something: what fails next is the first failure again."""
        self.tried = 0

    def pause(self, failure: MillraceError, retry_after: str | None = None) -> float:
        """Seconds until the next try; raises the failure where there is none, or where it would not help."""
        self.tried += 1
        if isinstance(failure, Problem) and not is_passing(failure.status, failure.code):
            raise failure
        pause = self._retries.pause(self.tried, retry_after)
        if pause is None:
            raise failure
        return pause


def is_passing(status: int, code: str) -> bool:
    """Whether the same request may get another answer later."""
    return status in PASSING or code == "key_in_flight"
