"""When a request is sent again: the same one, with the same key."""

from __future__ import annotations

import random
from dataclasses import dataclass

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


def is_passing(status: int, code: str) -> bool:
    """Whether the same request may get another answer later."""
    return status in PASSING or code == "key_in_flight"
