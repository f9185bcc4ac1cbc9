"""The effect log: a file outside the system under test, to which every effect adds a line.

A line begins with the effect's key and ends with the process; O_APPEND writes are whole, whoever writes. Its
second word is `done` at the end of a plain Celery task, which has no database to say so.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path


class EffectLog:
    """What really happened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self) -> list[list[str]]:
        """Every whole line, in order."""
        text = self.path.read_text()
        return [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]

    def effects(self) -> Counter[str]:
        """Key → how often its effect happened."""
        return Counter(line[0] for line in self.lines() if line[1] != "done")

    def done(self) -> set[str]:
        """Keys of plain tasks that came to their end."""
        return {line[0] for line in self.lines() if line[1] == "done"}
