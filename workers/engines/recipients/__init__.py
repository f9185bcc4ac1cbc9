"""Recipient lists: CSV, JSON or JSON lines, read in a stream, every bad row by its line.

    for row in read(file):
        ...  # a Row, or a BadRow that says what is wrong

A list that cannot be read on raises BadList. Nothing is guessed, and nothing is left out without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import IO, Any, Protocol

from workers.engines.recipients.charset import Charset, Lines
from workers.engines.recipients.objects import MOST_NAMES, Array, ObjectLines
from workers.engines.recipients.row import At, BadList, BadRow, Row
from workers.engines.recipients.table import Table
from workers.engines.recipients.twins import Twins

__all__ = ["MOST_BAD", "MOST_NAMES", "BadList", "BadRow", "Charset", "Row", "read", "read_on", "texts"]

MARKED = 1_000
"""Every so many recipients a row says where reading could go on."""
MOST_BAD = 10_000
"""Behind so many bad rows nothing is read. Pages remember no more of them by their place."""
NOT_READ = f"is not read, nor is what follows: {MOST_BAD:,} lines before it are bad, so mend them first"
Check = Callable[[Row, Collection[str]], str]
"""Why a row cannot be mailed to, in words that follow `line 7: `; empty if it can.

It is given the columns too: of a table all, else those that were met, in a set that goes on growing.
"""


class Reader(Protocol):
    """The rows of a list of one shape."""

    columns: set[str]
    """What its columns are called; of a list without a heading those that were met so far."""

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row, or those behind the place that was gone to."""

    def texts(self) -> Iterator[str]:
        """Of each of the same rows, the address and the name as they stand there."""

    def here(self) -> At:
        """The place behind the row that came last; empty where reading could not go on."""

    def go_to(self, at: At) -> None:
        """Read on at a place of this list, before the first row; raises BadList for one that is none."""


def read(
    file: IO[Any], *, charset: Charset = "auto", most: int = 1_000_000, check: Check | None = None
) -> Iterator[Row | BadRow]:
    """Every row of a binary file that stands at its beginning, in order; each address once.

    `most` is how many recipients a list may have. Behind MOST_BAD bad rows comes one that is the end. Raises
    BadList, also for a list without any row.
    """
    lines = Lines(file, charset)
    twins, count, bad = Twins(), 0, 0
    try:
        reader = reader_of(lines)
        for row in reader.rows():
            if isinstance(row, Row):
                row = judged(row, reader.columns, twins, check)
            if isinstance(row, BadRow):
                bad += 1
                if bad > MOST_BAD:
                    yield BadRow(row.line, row.shown, NOT_READ, is_end=True)
                    return
            else:
                count += 1
                if count > most:
                    raise BadList(
                        f"there are more than {most:,} recipients, the most that is accepted", row.line
                    )
                if not count % MARKED:
                    row = row._replace(next=reader.here())
            yield row
    finally:
        lines.close()
    if not count and not bad:
        raise BadList("the list has no recipients")


def read_on(file: IO[Any], *, at: At = (), charset: Charset = "auto") -> Iterator[Row | BadRow]:
    """The rows behind a place of which `read` told (by none: all of them), without judging them again.

    A row that was there before, or that the check had refused, is among them: whoever goes on knows which.
    """
    lines = Lines(file, charset)
    try:
        reader = reader_of(lines)
        if at:
            reader.go_to(at)
        yield from reader.rows()
    finally:
        lines.close()


def texts(file: IO[Any], *, charset: Charset = "auto") -> Iterator[str]:
    """Who stands in each row that `read` has told of, good or bad: a third of the work."""
    lines = Lines(file, charset)
    try:
        yield from reader_of(lines).texts()
    finally:
        lines.close()


def reader_of(lines: Lines) -> Reader:
    """Who reads it, by the shape that the first sign of the list shows."""
    first = lines.begin()
    while first and not first.strip():
        lines.pass_empty()
        first = lines.begin()
    if not first:
        raise BadList("the list is empty")
    if first.lstrip().startswith("["):
        return Array(lines, first)
    return ObjectLines(lines, first) if first.lstrip().startswith("{") else Table(lines, first)


def judged(row: Row, columns: set[str], twins: Twins, check: Check | None) -> Row | BadRow:
    """The row, unless somebody was there before, or cannot be mailed to."""
    if why := check(row, columns) if check else "":
        return BadRow(row.line, row.address, why)
    if before := twins.line_of(row.address, row.line):
        return BadRow(row.line, row.address, f"is a duplicate of line {before}")
    return row
