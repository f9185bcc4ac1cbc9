"""Changing a filter that somebody wrote: what the drop-downs beside the box do."""

from __future__ import annotations

from jobs.errors import BadFilter
from jobs.search.grammar import Word, quoted, read, written


def with_field(text: str, field: str, value: str) -> str:
    """The filter with this value of the field and no other; an empty value takes the field out.

    A filter that cannot be read is kept as it is, so that nobody loses what they typed.
    """
    added = f"{field}:{quoted(value)}" if value else ""
    try:
        words = [word for word in read(text) if word.field != field or word.is_negated]
    except BadFilter:
        return f"{text} {added}".strip()
    return f"{written(words)} {added}".strip()


def without(text: str, word: Word) -> str:
    """The filter without this word."""
    return written([each for each in read(text) if each != word])


def value_of(text: str, field: str) -> str:
    """The one value the filter asks of a field; empty if it asks for none, several or a pattern."""
    try:
        found = [word for word in read(text) if word.field == field and not word.is_negated]
    except BadFilter:
        return ""
    if len(found) != 1 or len(found[0].values) != 1 or found[0].values[0].is_pattern:
        return ""
    return found[0].values[0].text
