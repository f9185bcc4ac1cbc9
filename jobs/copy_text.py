"""A value as COPY's text format has it: written directly, a row of many equal columns costs a fifth."""

from __future__ import annotations

from datetime import datetime

ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def columns(*values: str | float | bool | datetime | None) -> str:
    """Columns that stand side by side."""
    return "\t".join(map(column, values))


def column(value: str | float | bool | datetime | None) -> str:
    """One of them; text with its backslashes, tabs and line ends escaped."""
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).translate(ESCAPES)


def json_column(text: str) -> str:
    """A JSON document: it has no tabs or line ends to escape, if it was written in one line."""
    return text.replace("\\", r"\\")
