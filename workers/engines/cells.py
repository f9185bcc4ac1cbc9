"""Values as people read them in tables, and as spreadsheets may safely open them."""

from __future__ import annotations

from typing import Any

from jobs import cells


def harmless(value: Any) -> Any:
    """The value, with an apostrophe before a text that a spreadsheet would run as a formula."""
    return cells.harmless(value) if isinstance(value, str) else value


def seconds(value: float | None) -> float | None:
    """Rounded to what a clock can mean."""
    return None if value is None else round(value, 4)


def in_words(value: float | None) -> str:
    """A duration for people, never broken over two lines: 12 ms, 3.4 s, 2.1 min, 1.3 h."""
    if value is None:
        return "–"
    if value < 0.9995:
        return f"{value * 1000:.0f}\N{NO-BREAK SPACE}ms"
    for size, digits, unit in ((60, 1, "s"), (3600, 60, "min")):
        if value < size:
            return f"{value / digits:.1f}\N{NO-BREAK SPACE}{unit}"
    return f"{value / 3600:.1f}\N{NO-BREAK SPACE}h"
