"""A list as a table: CSV with commas, semicolons or tabs, whose first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from workers.engines.recipients.charset import Lines, place_in
from workers.engines.recipients.columns import KNOWN_BY, columns
from workers.engines.recipients.row import At, BadList, BadRow, Row, shown, understand

DELIMITERS = ",;\t"
HEADER_LINES = 100


class Table:
    """The rows after the header, which begins with the line given; blank ones are none."""

    def __init__(self, lines: Lines, first: str) -> None:
        self._lines = lines
        self._delimiter, self._names = choose([first, *rest_of_header(lines, first)])
        self.columns = set(filter(None, self._names))

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row, by the line it begins in."""
        names = self._names
        for line, cells in self._filled():
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                why = f"has {len(cells)} values, but there are {len(names)} columns"
                yield BadRow(line, shown(cells), why)
            else:
                yield understand(line, dict(zip(names, cells, strict=False)))

    def texts(self) -> Iterator[str]:
        """Of every row, who it is."""
        columns = [place for place, name in enumerate(self._names) if name in KNOWN_BY]
        for _, cells in self._filled():
            yield " ".join([cells[place] for place in columns if place < len(cells)])

    def _filled(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of every row that says something, and the line it begins in."""
        # strict: a quote that stands where none may is an error, not a part of the text.
        table = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        while True:
            line = self._lines.begin_row()
            try:
                cells = next(table, None)
            except csv.Error as error:
                raise BadList(in_words(error), line) from None
            if cells is None:
                return
            if any(cells) and any(cell.strip() for cell in cells):
                yield line, cells
            else:
                self._lines.pass_empty()

    def here(self) -> At:
        """Behind the lines of the row that came last."""
        return (self._lines.here(), self._lines.number)

    def go_to(self, at: At) -> None:
        """Read on there."""
        place, number = place_in(at, 2)
        self._lines.go_to(place, number)


def choose(header: list[str]) -> tuple[str, list[str]]:
    """The delimiter by which a column is called email, and the names; raises BadList for none."""
    problem: BadList | None = None
    for delimiter in DELIMITERS:
        try:
            cells = next(csv.reader(header, delimiter=delimiter, strict=True))
            return delimiter, columns(cells)
        except csv.Error as error:
            problem = problem or BadList(in_words(error), 1)
        except BadList as error:
            # The one that parts the line says most about what was found.
            if problem is None or len(cells) > 1:
                problem = error
    assert problem is not None, "there are delimiters"
    raise problem


def rest_of_header(lines: Lines, first: str) -> Iterator[str]:
    """The lines that a column's name goes on in: between quotes it may have a line break."""
    quotes, count = first.count('"'), 1
    while quotes % 2:
        line = next(lines, "")
        count += 1
        if not line or count > HEADER_LINES:
            raise BadList("a quote in the first line is never closed", 1)
        quotes += line.count('"')
        yield line


def in_words(error: csv.Error) -> str:
    """What the reader of CSV met, for people."""
    said = str(error)
    if "unexpected end of data" in said or "field larger" in said:
        return "a quote that begins in this row is never closed"
    if "expected after" in said:
        return 'a quote inside a value must be doubled: "say ""this"""'
    return f"is no CSV: {said}"
