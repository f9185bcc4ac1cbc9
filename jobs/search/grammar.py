"""The words of a filter: `state:failed,retrying -kind:images.* created:>2h "no such host"`.

    filter = word, word, …                   all of them must hold
    word   = [-] [field:] value[,value …]    any of the values; `-` turns it round
    value  = text | "quoted text" | >text | >=text | <text | <=text

A word without a field is free. Inside quotes `\\"` is a quote; commas, spaces and stars mean themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.errors import BadFilter

LONGEST = 1000
MOST_WORDS = 40
MOST_VALUES = 100
FIELD = re.compile(r"([A-Za-z_]+):")
OPERATOR = re.compile(r">=|<=|>|<")
PLAIN = re.compile(r"[^\s\",:<>*-][^\s\",:*]*\Z")
"""A value that needs no quotes."""


@dataclass(frozen=True)
class Value:
    """One thing to compare with; `operator` is empty where it should be equal."""

    text: str
    column: int
    operator: str = ""
    is_quoted: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether a star in it stands for anything."""
        return "*" in self.text and not self.is_quoted


@dataclass(frozen=True)
class Word:
    """One condition: `field` is empty for a free word, `column` counts from 1."""

    field: str
    values: Sequence[Value]
    is_negated: bool
    text: str
    column: int


def read(text: str) -> list[Word]:
    """The words of a filter; raises BadFilter with the word and its column."""
    if len(text) > LONGEST:
        raise BadFilter(
            text[:20] + "…", 1, f"a filter may have {LONGEST:,} characters, and this has {len(text):,}"
        )
    if (place := text.find("\0")) >= 0:
        raise BadFilter("NUL", place + 1, "no job holds a NUL character; take it out")
    words = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        end = end_of_word(text, at)
        words.append(read_word(text[at:end], at + 1))
        at = end
    if len(words) > MOST_WORDS:
        extra = words[MOST_WORDS]
        raise BadFilter(extra.text, extra.column, f"a filter may have {MOST_WORDS} words")
    return words


def written(words: Sequence[Word]) -> str:
    """The words as one text again."""
    return " ".join(word.text for word in words)


def quoted(text: str) -> str:
    """A value as it must be written to mean itself."""
    if PLAIN.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def end_of_word(text: str, at: int) -> int:
    """Where a word ends: at a space outside quotes. A quote that nobody closes is refused."""
    start, opened = at, -1
    while at < len(text):
        if text[at] == '"':
            opened = at if opened < 0 else -1
        elif text[at] == "\\" and opened >= 0:
            at += 1
        elif text[at].isspace() and opened < 0:
            break
        at += 1
    if opened >= 0:
        raise BadFilter(text[start:], opened + 1, 'the quote that begins here is not closed; add a `"`')
    return min(at, len(text))


def read_word(text: str, column: int) -> Word:
    """One word, apart from what its field makes of it."""
    rest, at = text, column
    is_negated = rest.startswith("-")
    if is_negated:
        rest, at = rest[1:], at + 1
    field = ""
    if found := FIELD.match(rest):
        field = found[1].lower()
        rest, at = rest[found.end() :], at + found.end()
    if not rest:
        if field:
            raise BadFilter(text, column, f"`{field}:` needs a value right behind the colon")
        raise BadFilter(text, column, "`-` turns the word behind it round, and there is none")
    values = [read_value(text, part, at + offset) for offset, part in parts(rest)]
    if len(values) > MOST_VALUES:
        raise BadFilter(text, column, f"a word may have {MOST_VALUES} values, and this has {len(values)}")
    return Word(field, tuple(values), is_negated, text, column)


def parts(text: str) -> list[tuple[int, str]]:
    """The values between the commas outside quotes, each with where it begins."""
    found, start, at, is_open = [], 0, 0, False
    while at < len(text):
        if text[at] == '"':
            is_open = not is_open
        elif text[at] == "\\" and is_open:
            at += 1
        elif text[at] == "," and not is_open:
            found.append((start, text[start:at]))
            start = at + 1
        at += 1
    return [*found, (start, text[start:])]


def read_value(word: str, text: str, column: int) -> Value:
    """One value, its operator and its quotes taken off."""
    operator = ""
    if found := OPERATOR.match(text):
        operator, text = found[0], text[found.end() :]
    if '"' not in text:
        if not text:
            raise BadFilter(word, column, "a value is missing here")
        return Value(text, column, operator)
    if len(text) < 2 or not re.fullmatch(r'"(?:[^"\\]|\\.)*"', text, re.DOTALL):
        raise BadFilter(
            word, column, 'a quoted value begins and ends with a quote; write `\\"` for one inside'
        )
    inner = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    if not inner:
        raise BadFilter(word, column, "there is nothing between the quotes")
    return Value(inner, column, operator, is_quoted=True)
