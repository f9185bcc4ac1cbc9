"""Text as PostgreSQL can keep it, texts that are ids, and spans of time as one says them."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

MANAGE = ".venv/bin/python manage.py" if Path(sys.prefix).name == ".venv" else "python manage.py"
"""How a command is typed here: `make` keeps its Python in `.venv`; a container has one."""
UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))
LIMIT = 20_000


def storable(text: str, limit: int = LIMIT) -> str:
    """The text without NUL and halves of surrogate pairs, which the database refuses, cut to `limit`."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def is_id(text: str) -> bool:
    """Whether it is a whole id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def span(time: timedelta) -> str:
    """A duration as one says it."""
    for name, unit in UNITS:
        if time >= unit and not time % unit:
            number = time // unit
            return f"{number} {name}{'s' if number != 1 else ''}"
    return f"{time.total_seconds():g} s"


def printable(text: str) -> str:
    """The same with a blank for what is no letter or sign, such as what moves a terminal's cursor."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def on_one_line(text: str) -> str:
    """The same, printable, with one blank between words and no line break."""
    return " ".join(printable(text).split())
