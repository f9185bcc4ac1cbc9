"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MIB = 1024 * 1024
MANY = 5


def size(count: float) -> str:
    """Bytes in a unit of a handful of digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def span(seconds: float) -> str:
    """A duration, in the unit in which it has at least two of them."""
    for length, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{round(seconds, 1):g} s"


def some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - MANY
    return ", ".join(names[:MANY]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 job`, `2 jobs`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def sentence(parts: Iterable[str]) -> str:
    """Those that are not empty, one after the other."""
    return ", ".join(part for part in parts if part)
