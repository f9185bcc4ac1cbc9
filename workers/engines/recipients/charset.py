"""The characters of a list. Nothing is guessed: what is neither UTF-8 nor marked is named by its sender."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import IO, Any, Literal

from workers.engines.recipients.row import At, BadList

Charset = Literal["auto", "utf-8", "utf-16", "windows-1252", "iso-8859-1"]
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HEAD_BYTES = 64
LINE_CHARACTERS = 200_000
"""So many a line may have, and so many the lines of one row together."""
MOST_EMPTY = 1_048_576
"""As many as a spreadsheet has rows."""


class Lines:
    """The lines of a text, with their ends, none of them endless; iterated once."""

    def __init__(self, file: IO[Any], charset: Charset = "auto") -> None:
        encoding = encoding_of(file, charset)
        # A byte that is no text is carried on, so that the row it stands in can be named.
        errors = "strict" if encoding.startswith("utf-16") else "surrogateescape"
        self._text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        self.number = 0
        """The line that was read last."""
        self._room = LINE_CHARACTERS
        self._empty = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self.begin()
        if not line:
            raise StopIteration
        self._room -= len(line)
        if self._room <= 0:
            raise BadList(f"this line is longer than {LINE_CHARACTERS:,} characters", self.number)
        return line

    def begin_row(self) -> int:
        """Where the next row begins, for which there is as much room as for any."""
        self._room = LINE_CHARACTERS
        return self.number + 1

    def pass_empty(self) -> None:
        """Count a line that says nothing; raises BadList where there are too many."""
        self._empty += 1
        if self._empty > MOST_EMPTY:
            raise BadList(f"there are more than {MOST_EMPTY:,} empty lines", self.number)

    def begin(self) -> str:
        """The next line, or as much of it as a line may have: an array of JSON may stand on one."""
        line = self._read(self._text.readline, LINE_CHARACTERS)
        self.number += bool(line)
        return line

    def read(self, characters: int) -> str:
        """A piece of the text, whatever its lines."""
        return self._read(self._text.read, characters)

    def here(self) -> int:
        """The place behind what was read last, for `go_to`; it holds what the charset needs besides."""
        return self._text.tell()

    def go_to(self, place: int, number: int) -> None:
        """Read on at a place, behind so many lines; raises BadList for one that is none."""
        try:
            self._text.seek(place)
        except (ValueError, OverflowError, OSError):
            raise BadList("there is no such place in the list", number) from None
        self.number = number

    def close(self) -> None:
        """Leave the file to whoever opened it."""
        self._text.detach()

    def _read(self, read: Callable[[int], str], characters: int) -> str:
        try:
            return read(characters)
        except UnicodeError:
            raise BadList("something after this line is no text in UTF-16", self.number) from None


def place_in(at: At, size: int) -> At:
    """The place, if it has as many numbers as its reader writes; raises BadList."""
    if len(at) != size or min(at) < 0:
        raise BadList("there is no such place in the list")
    return at


def encoding_of(file: IO[Any], charset: Charset) -> str:
    """The codec for a file that stands at its beginning, and is left there; raises BadList."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    marked = next((codec for mark, codec in MARKS if head.startswith(mark)), "")
    if marked == "utf-32":
        raise BadList("the list is in UTF-32; save it as UTF-8")
    if charset == "auto":
        if not marked and head.count(0) > len(head) // 4:
            raise BadList("the list looks like UTF-16 without a byte order mark; save it as UTF-8")
        return marked or "utf-8"
    if marked and marked.removesuffix("-sig") != charset:
        raise BadList(f"the list is in {marked.removesuffix('-sig')} by its byte order mark, not {charset}")
    if charset == "utf-16" and not marked:
        raise BadList("a list in UTF-16 begins with a byte order mark; this one does not: save it as UTF-8")
    return marked or charset
