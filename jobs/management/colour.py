"""Whether people want colour: on a terminal, unless they said no."""

from __future__ import annotations

import os
from typing import Protocol


class Stream(Protocol):
    """Where it is printed."""

    def isatty(self) -> bool: ...


def wants_colour(stream: Stream, *, forced: bool, never: bool) -> bool:
    """Django's options rule, then NO_COLOR (no-color.org: any value but none), then what `stream` is."""
    if forced or never:
        return forced
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
