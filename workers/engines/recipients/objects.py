"""A list as JSON: an array of objects, or an object to a line. Read piece by piece, whatever its size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from workers.engines.recipients.charset import Lines
from workers.engines.recipients.columns import check, variable
from workers.engines.recipients.row import SHOWN_CHARACTERS, BadList, BadRow, Row, understand

PIECE_CHARACTERS = 64 * 1024
OBJECT_CHARACTERS = 100_000
BLANK = re.compile(r"[ \t\r\n]*")


def no_constant(name: str) -> NoReturn:
    """JSON has no NaN and no Infinity, though Python reads them."""
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=no_constant)


def lines_of(lines: Lines, first: str) -> Iterator[Row | BadRow]:
    """The rows of a list with an object to a line."""
    text, number = first, lines.number
    while text:
        if text.strip():
            try:
                found = DECODER.decode(text.strip())
            except (ValueError, RecursionError) as error:
                yield BadRow(number, text.strip()[:SHOWN_CHARACTERS], f"is no JSON: {in_words(error)}")
            else:
                yield row_of(number, found)
        text = next(lines, "")
        number = lines.number


class Array:
    """The rows of an array of objects; `text` is what was read of it already."""

    def __init__(self, lines: Lines, text: str) -> None:
        self._lines = lines
        self._text = text
        self._place = 0
        self._line = lines.number

    def rows(self) -> Iterator[Row | BadRow]:
        """Every object in it; raises BadList where it stops being JSON."""
        self._skip("[")
        if self._next() == "]":
            self._end()
            return
        while True:
            self._next()
            line = self._line
            yield row_of(line, self._value())
            sign = self._next()
            if sign not in {",", "]"}:
                raise BadList("after an object comes a comma or the end of the list", self._line)
            self._skip(sign)
            if sign == "]":
                self._end()
                return

    def _value(self) -> Any:
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                is_long = len(self._text) - self._place > OBJECT_CHARACTERS
                if is_long or isinstance(error, RecursionError) or not self._more():
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
        piece = self._lines.read(PIECE_CHARACTERS)
        self._text, self._place = self._text[self._place :] + piece, 0
        return bool(piece)


def row_of(line: int, found: Any) -> Row | BadRow:
    """An object as a recipient."""
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
    return understand(line, named)


def in_words(error: Exception) -> str:
    """What the reader of JSON met, without the position in a piece that nobody sees."""
    if isinstance(error, RecursionError):
        return "it nests too deep"
    return error.msg[:1].lower() + error.msg[1:] if isinstance(error, json.JSONDecodeError) else str(error)
