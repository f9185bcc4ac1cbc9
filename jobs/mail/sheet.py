"""Suppressions as CSV: written so that it can be read again, and read so that every bad line is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils.dateparse import parse_datetime

from jobs.cells import bare, harmless
from jobs.download import csv_lines
from jobs.errors import Refusal
from jobs.mail.address import read_address
from jobs.mail.suppression import Entry
from jobs.models import Suppression
from jobs.models.suppression import Suppressed

COLUMNS = ("address", "reason", "note", "expires_at", "created_at")
NAMES = {"address": "address", "email": "address", "e-mail": "address", "reason": "reason", "note": "note",
         "expires_at": "expires_at"}  # fmt: skip
MOST_BYTES = 20 * 1024 * 1024
MOST_ROWS = 200_000
"""Good or bad: who sends a file of bad ones has no more time of ours than who sends a good one."""
MOST_LINES = 1_000_000
"""Empty ones included, of which a spreadsheet writes many."""
ROW_CHARACTERS = 200_000
NAMED = 1_000
"""So many bad lines are named; the others are counted."""


class BadSheet(Refusal):
    """The file cannot be read as a list at all."""

    code = "bad_sheet"


class BadLine(NamedTuple):
    """A line of the file, counted from 1, and why it was left out."""

    number: int
    why: str


class Sheet(NamedTuple):
    """What a file holds."""

    entries: list[Entry]
    bad: list[BadLine]
    """The first of them."""
    bad_count: int
    """How many there are."""


def write_lines(rows: Iterable[Suppression]) -> Iterator[str]:
    """The whole list, some lines at a time."""
    return csv_lines(COLUMNS, map(_cells, rows))


def read_sheet(raw: bytes) -> Sheet:
    """Addresses, and with a heading also reasons, notes and times; raises BadSheet.

    Without a heading the first column is the address. What says no reason was written `by_hand`.
    """
    if len(raw) > MOST_BYTES:
        raise BadSheet(f"The file is larger than {MOST_BYTES // (1024 * 1024)} MB. Split it.")
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSheet(f"The file is not UTF-8, at byte {error.start}. Save it as CSV UTF-8.") from None
    entries: list[Entry] = []
    bad: list[BadLine] = []
    bad_count = 0
    columns: list[str] | None = None
    for number, row in _rows(raw):
        if columns is None:
            named = [NAMES.get(cell.strip().lower(), "") for cell in row]
            columns = named if "address" in named else ["address"]
            if "address" in named:
                continue
        if len(entries) + bad_count >= MOST_ROWS:
            raise BadSheet(f"The file has more than {MOST_ROWS:,} addresses. Split it.")
        try:
            entries.append(_entry(dict(zip(columns, row, strict=False))))
        except ValueError as error:
            bad_count += 1
            if bad_count <= NAMED:
                bad.append(BadLine(number, str(error)))
    return Sheet(entries, bad, bad_count)


def _rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, with the line each began on."""
    lines = _Lines(raw)
    reader = csv.reader(lines, delimiter=max(",;\t", key=lines.first.count))
    while True:
        begins = reader.line_num + 1
        if begins > MOST_LINES:
            raise BadSheet(f"The file has more than {MOST_LINES:,} lines, empty ones included. Split it.")
        lines.room = ROW_CHARACTERS
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise BadSheet(f"Line {begins} is no CSV: {error}.") from None
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield begins, row


class _Lines:
    """The lines of a text in UTF-8, as many for one row as there is room for."""

    def __init__(self, raw: bytes) -> None:
        self._text = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8-sig", newline="")
        self.first = self._text.readline(ROW_CHARACTERS)
        self._text.seek(0)
        self.room = ROW_CHARACTERS
        """How many characters more the row may have that is being read."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self.room)
        self.room -= len(line)
        if not line:
            raise StopIteration
        if self.room <= 0:
            raise csv.Error(f"it has more than {ROW_CHARACTERS:,} characters")
        return line


def _entry(cells: dict[str, str]) -> Entry:
    address = bare(cells.get("address", "").strip())
    try:
        found = read_address(address)
    except ValueError as error:
        raise ValueError(f"{address[:100]!r} {error}") from None
    reason = cells.get("reason", "").strip().lower() or Suppressed.BY_HAND
    if reason not in set(Suppressed):
        raise ValueError(f"{reason[:100]!r} is no reason; there are: {', '.join(Suppressed)}")
    note = bare(cells.get("note", "").strip())
    return Entry(
        address=found,
        reason=Suppressed(reason),
        source="file",
        note=note,
        expires_at=_time(cells.get("expires_at", "")),
    )


def _time(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        found = parse_datetime(text.strip())
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"{text[:100]!r} is no time like 2026-12-24T18:00:00+01:00")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _cells(row: Suppression) -> list[str]:
    ends = row.expires_at.isoformat() if row.expires_at else ""
    return [harmless(row.address), row.reason, harmless(row.note), ends, row.created_at.isoformat()]
