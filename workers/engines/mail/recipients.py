"""Lists of recipients from a file, a row at a time: CSV with a heading, or JSON objects, one after the other.

A row that cannot be read is told with its line; where the rest cannot be read either, that is the last one.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import IO, Any, NamedTuple

ADDRESS_COLUMNS = ("to", "email", "e-mail", "address")
NAME_COLUMN = "name"
DELIMITERS = ",;\t"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BETWEEN = re.compile(r"[\s,\[\]]*")
CHUNK_CHARACTERS = 64 * 1024
OBJECT_CHARACTERS = 256 * 1024
"""One recipient is smaller: a larger one was never closed."""


class Row(NamedTuple):
    """A recipient as written, `to`, `name` and `values`; or what is wrong, if `why` says so."""

    line: int
    given: dict[str, Any]
    why: str = ""


def read(file: IO[bytes]) -> Iterator[Row]:
    """The rows of a file in UTF-8, in bounded memory; it is left open."""
    # What is not UTF-8 comes as halves of surrogate pairs, and is found again in the row it stands in.
    text = TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows(text)
    finally:
        text.detach()


def _rows(text: TextIOWrapper) -> Iterator[Row]:
    head = text.read(CHUNK_CHARACTERS)
    text.seek(0)
    if head.lstrip().startswith(("{", "[")):
        yield from _json(text)
    else:
        first = next(iter(head.splitlines()), "")
        yield from _csv(text, max(DELIMITERS, key=first.count))


def _csv(text: TextIOWrapper, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter)
    try:
        columns = [name.strip() for name in next(reader, [])]
        if wrong := _not_utf8(columns) or _wrong_heading(columns):
            yield Row(1, {}, wrong)
            return
        place = next(place for place, name in enumerate(columns) if name.lower() in ADDRESS_COLUMNS)
        for cells in reader:
            if any(cells):
                yield _row(reader.line_num, columns, cells, place)
    except csv.Error as error:
        yield Row(reader.line_num, {}, f"is no CSV: {error}")


def _wrong_heading(columns: list[str]) -> str:
    addresses = [name for name in columns if name.lower() in ADDRESS_COLUMNS]
    if len(addresses) != 1:
        return f"is the heading, and one column is to be named one of {', '.join(ADDRESS_COLUMNS)}"
    for name in columns:
        if name not in addresses and not VARIABLE.fullmatch(name):
            return f"names a column {name!r}: use letters, digits and _, as variables are named"
        if columns.count(name) > 1:
            return f"names the column {name!r} twice"
    return ""


def _row(line: int, columns: list[str], cells: list[str], place: int) -> Row:
    if wrong := _not_utf8(cells):
        return Row(line, {}, wrong)
    if len(cells) > len(columns):
        return Row(line, {}, f"has {len(cells)} cells under {len(columns)} columns")
    values = {name: cell for name, cell in zip(columns, cells, strict=False) if cell}
    to = values.pop(columns[place], "").strip()
    name = values.pop(NAME_COLUMN, "").strip() or None
    return Row(line, {"to": to, "name": name, "values": values})


def _not_utf8(cells: list[str]) -> str:
    together = "".join(cells)
    if together.isascii():
        return ""
    try:
        together.encode()
    except UnicodeEncodeError:
        return "is not UTF-8; save the file as UTF-8"
    return ""


def _json(text: TextIOWrapper) -> Iterator[Row]:
    decoder, buffer, line, is_all = json.JSONDecoder(), "", 1, False
    while True:
        between = BETWEEN.match(buffer)
        assert between is not None  # it matches nothing as well
        line, buffer = line + between[0].count("\n"), buffer[between.end() :]
        try:
            given, end = decoder.raw_decode(buffer)
        except ValueError as error:
            if is_all or len(buffer) > OBJECT_CHARACTERS:
                if buffer:
                    yield Row(line, {}, f"is no JSON: {error}")
                return
            more = text.read(CHUNK_CHARACTERS)
            buffer, is_all = buffer + more, not more
            continue
        yield Row(line, given) if isinstance(given, dict) else Row(line, {}, "is no JSON object")
        line, buffer = line + buffer[:end].count("\n"), buffer[end:]
