"""Recipient lists: CSV, JSON or JSON lines, read in a stream, every bad row by its line.

    for row in read(file):
        ...  # a Row, or a BadRow that says what is wrong

A list that cannot be read on raises BadList. Nothing is guessed, and nothing is left out without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from workers.engines.recipients.charset import Charset, Lines
from workers.engines.recipients.objects import Array, lines_of
from workers.engines.recipients.row import BadList, BadRow, Row
from workers.engines.recipients.table import rows as table_rows
from workers.engines.recipients.twins import Twins

__all__ = ["BadList", "BadRow", "Charset", "Row", "read"]

Check = Callable[[Row], str]
"""Why a row cannot be mailed to, in words that follow `line 7: `; empty if it can."""


def read(
    file: IO[Any], *, charset: Charset = "auto", most: int = 1_000_000, check: Check | None = None
) -> Iterator[Row | BadRow]:
    """Every row of a binary file that stands at its beginning, in order; each address once.

    `most` is how many recipients a list may have. Raises BadList, also for a list without any row.
    """
    lines = Lines(file, charset)
    twins, count, is_empty = Twins(), 0, True
    try:
        for row in rows_of(lines):
            is_empty = False
            if isinstance(row, Row):
                row = judged(row, twins, check)
                count += isinstance(row, Row)
            if count > most:
                raise BadList(f"there are more than {most:,} recipients, the most that is accepted", row.line)
            yield row
    finally:
        lines.close()
    if is_empty:
        raise BadList("the list has no recipients")


def rows_of(lines: Lines) -> Iterator[Row | BadRow]:
    """The rows, by the shape that the first sign of the list shows."""
    first = lines.begin()
    while first and not first.strip():
        first = lines.begin()
    if not first:
        raise BadList("the list is empty")
    if first.lstrip().startswith("["):
        return Array(lines, first).rows()
    return lines_of(lines, first) if first.lstrip().startswith("{") else table_rows(lines, first)


def judged(row: Row, twins: Twins, check: Check | None) -> Row | BadRow:
    """The row, unless somebody was there before, or cannot be mailed to."""
    if why := check(row) if check else "":
        return BadRow(row.line, row.address, why)
    if before := twins.line_of(row.address, row.line):
        return BadRow(row.line, row.address, f"is a duplicate of line {before}")
    return row
