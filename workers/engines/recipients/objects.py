"""A list as JSON: an array of objects, or an object to a line. Read piece by piece, whatever its size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from workers.engines.recipients.charset import Lines, place_in
from workers.engines.recipients.columns import KNOWN_BY, check, variable
from workers.engines.recipients.row import SHOWN_CHARACTERS, At, BadList, BadRow, Row, understand

PIECE_CHARACTERS = 64 * 1024
OBJECT_CHARACTERS = 100_000
MOST_NAMES = 10_000
"""So many different names are remembered, or a few more; a list may have a million."""
NOWHERE = (-1, 0)
BLANK = re.compile(r"[ \t\r\n]*")


def no_constant(name: str) -> NoReturn:
    """JSON has no NaN and no Infinity, though Python reads them."""
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=no_constant)


class ObjectLines:
    """The rows of a list with an object to a line, of which the first is given."""

    def __init__(self, lines: Lines, first: str) -> None:
        self.columns: set[str] = set()
        self._lines = lines
        self._text = first

    def rows(self) -> Iterator[Row | BadRow]:
        """Every object, by its line."""
        for number, found in self._found():
            yield found if isinstance(found, BadRow) else row_of(number, found, self.columns)

    def texts(self) -> Iterator[str]:
        """Of every object, who it is."""
        return (text_of(found) for _, found in self._found())

    def _found(self) -> Iterator[tuple[int, Any]]:
        """What every line says, and its number."""
        while text := self._text:
            number = self._lines.number
            if text.strip():
                try:
                    found = DECODER.decode(text.strip())
                except (ValueError, RecursionError) as error:
                    found = BadRow(number, text.strip()[:SHOWN_CHARACTERS], f"is no JSON: {in_words(error)}")
                yield number, found
            else:
                self._lines.pass_empty()
            self._lines.begin_row()
            self._text = next(self._lines, "")

    def here(self) -> At:
        """Behind the line that was read last."""
        return (self._lines.here(), self._lines.number)

    def go_to(self, at: At) -> None:
        """Read on there."""
        place, number = place_in(at, 2)
        self._lines.go_to(place, number)
        self._lines.begin_row()
        self._text = next(self._lines, "")


class Array:
    """The rows of an array of objects; `text` is what was read of it already."""

    def __init__(self, lines: Lines, text: str) -> None:
        self.columns: set[str] = set()
        self._lines = lines
        self._text = text
        self._place = 0
        self._line = lines.number
        self._piece = NOWHERE
        """Where the piece that was read last begins in the list, and in the text."""
        self._is_begun = False

    def rows(self) -> Iterator[Row | BadRow]:
        """Every object in it; raises BadList where it stops being JSON."""
        return (row_of(line, found, self.columns) for line, found in self._found())

    def texts(self) -> Iterator[str]:
        """Of every object, who it is."""
        return (text_of(found) for _, found in self._found())

    def _found(self) -> Iterator[tuple[int, Any]]:
        """What stands in it, and the line in which it begins."""
        if self._is_begun:
            goes_on = self._goes_on()
        else:
            self._skip("[")
            goes_on = self._next() != "]"
            if not goes_on:
                self._end()
        while goes_on:
            self._next()
            line = self._line
            yield line, self._value()
            goes_on = self._goes_on()

    def here(self) -> At:
        """Behind the object that came last: a piece of the text, and how far in; nowhere before the first."""
        place, begins = self._piece
        return () if place < 0 else (place, self._place - begins, self._line)

    def go_to(self, at: At) -> None:
        """Read on there."""
        place, characters, line = place_in(at, 3)
        if characters > PIECE_CHARACTERS:
            raise BadList("there is no such place in the list")
        self._lines.go_to(place, line)
        self._lines.read(characters)
        self._text, self._place, self._line, self._is_begun = "", 0, line, True

    def _goes_on(self) -> bool:
        """Whether another object follows."""
        sign = self._next()
        if sign not in {",", "]"}:
            raise BadList("after an object comes a comma or the end of the list", self._line)
        self._skip(sign)
        if sign == "]":
            self._end()
        return sign == ","

    def _value(self) -> Any:
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                # Anything else than a syntax error, such as a NaN, is none for want of the rest.
                may_be_cut = isinstance(error, json.JSONDecodeError)
                is_long = may_be_cut and len(self._text) - self._place > OBJECT_CHARACTERS
                if is_long or not may_be_cut or not self._more():
                    why = "is too long" if is_long else f"is no JSON: {in_words(error)}"
                    raise BadList(f"the object that begins here {why}", self._line) from None
                continue
            self._line += self._text.count("\n", self._place, end)
            self._place = end
            return value

    def _next(self) -> str:
        """The sign that comes next, blanks left out; empty at the end."""
        while True:
            end = BLANK.match(self._text, self._place).end()  # type: ignore[union-attr]
            self._line += self._text.count("\n", self._place, end)
            self._place = end
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def _skip(self, sign: str) -> None:
        assert self._next() == sign, "looked at before"
        self._place += 1

    def _end(self) -> None:
        if self._next() == "]":
            self._place += 1
        if self._next():
            raise BadList("something follows the end of the list", self._line)

    def _more(self) -> bool:
        rest, place = self._text[self._place :], self._lines.here()
        piece = self._lines.read(PIECE_CHARACTERS)
        self._text, self._place, self._piece = rest + piece, 0, (place, len(rest))
        return bool(piece)


def row_of(line: int, found: Any, columns: set[str]) -> Row | BadRow:
    """An object as a recipient; what it has is added to the columns."""
    if not isinstance(found, dict):
        return BadRow(line, str(found)[:SHOWN_CHARACTERS], 'is no object like {"email": "ada@example.org"}')
    named: dict[str, Any] = {}
    for written, value in found.items():
        name = variable(written)
        try:
            check(written, name)
        except BadList as error:
            return BadRow(line, str(found.get("email", ""))[:SHOWN_CHARACTERS], error.why)
        if name in named:
            return BadRow(line, str(found.get("email", ""))[:SHOWN_CHARACTERS], f"says {name} twice")
        named[name] = value
    if len(columns) < MOST_NAMES:
        columns.update(named)
    return understand(line, named)


def text_of(found: Any) -> str:
    """Who an object is, as people know them."""
    if not isinstance(found, dict):
        return ""
    return " ".join(str(value) for name, value in found.items() if variable(name) in KNOWN_BY)


def in_words(error: Exception) -> str:
    """What the reader of JSON met, without the position in a piece that nobody sees."""
    if isinstance(error, RecursionError):
        return "it nests too deep"
    return error.msg[:1].lower() + error.msg[1:] if isinstance(error, json.JSONDecodeError) else str(error)
