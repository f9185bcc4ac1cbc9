"""A peer: another queue that does the same tiny jobs, as the benchmark describes it."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).parent.parent / "peers.txt"
OLDEST = (3, 11)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What is started, and what is printed beside its figures; its tasks are in `apps/`."""

    name: str
    title: str
    package: str
    """Whose version is shown."""
    how: str
    """The settings that were chosen: the fastest that anybody would run."""
    does_not: str
    """One sentence: what it does not promise."""
    is_durable: bool = False
    """Whether an accepted job outlives a killed worker and a broker that lost everything."""
    arguments: tuple[str, ...]
    """What its Python is told."""
    copies: int = 1
    """How often that is started, so that two processes work."""
    share: float = 1.0
    """Which part of the jobs asked for it gets: a slow one would hold everybody up."""
    python: tuple[int, int] = OLDEST
    """The oldest Python it runs on."""
    is_ready: Callable[[str], bool] = bool
    """Whether its log says that it listens; only where somebody waits for that."""

    @property
    def version(self) -> str:
        """The version that is pinned."""
        found = re.search(rf"^{re.escape(self.package)}==(\S+)", PINS.read_text(), re.MULTILINE)
        assert found is not None, f"{self.package} is not in {PINS.name}"
        return found[1]

    def why_not(self, python: str = platform.python_version()) -> str:
        """Why it cannot run on this Python; empty if it can."""
        has = tuple(int(part) for part in python.split(".")[:2])
        if has >= self.python:
            return ""
        return "needs Python {}.{}, and this was {}.{}".format(*self.python, *has)
