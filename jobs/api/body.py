"""Read a JSON body: strictly, and with the place where it breaks off."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from jobs.api.problems import Refused, Wrong, pointer
from jobs.errors import Where

DEEPEST = 64
"""How deep objects and lists may stand in each other: far beyond use, far before a stack's end."""

EXACT = 2**53
"""Below it every whole number is a float of its own."""


class StrictParser(Parser):
    """What JSON leaves open is refused: names that stand twice, numbers that are none."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The document; raises Refused."""
        check_type(request)
        return read_json(request.body)


def check_type(request: HttpRequest) -> None:
    """Raises Refused for anything that calls itself something other than JSON."""
    given = request.content_type or ""
    family, _, name = given.partition("/")
    if given and not (family == "application" and (name == "json" or name.endswith("+json"))):
        raise Refused(
            "unsupported_media_type",
            f"This is {given}; send JSON with Content-Type: application/json (curl: --json instead of -d).",
            headers={"Accept": "application/json"},
        )


def read_json(raw: bytes) -> Any:
    """The document in UTF-8; raises Refused."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Refused("malformed_json", f"The body is not UTF-8, at byte {error.start}.") from None
    try:
        found = json.loads(
            text, object_pairs_hook=each_once, parse_constant=refuse_constant, parse_float=finite
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused("malformed_json", f"The body is not JSON: {error.msg}, at {where}.") from None
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        # Python reads no integer of more than 4,300 digits.
        raise Refused("malformed_json", f"The body holds a number that cannot be read: {error}.") from None
    if text.count("[") + text.count("{") > DEEPEST and depth(found) > DEEPEST:
        raise too_deep()
    if "\\u" in text:
        check_text(found)
    return found


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every name stands once: which of two values counts, each reader decides differently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        # Counted in one pass: a body has room for hundreds of thousands of names.
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise Refused("malformed_json", f"The name {twice[:100]!r} stands twice in one object.")
    return found


def refuse_constant(word: str) -> NoReturn:
    """NaN and Infinity are Python's, not JSON's."""
    raise Refused("malformed_json", f"{word} is no JSON number.")


def finite(digits: str) -> float | int:
    """A number that fits; 1e999 would become infinite. JSON has one sort of numbers: 5.0 is 5."""
    number = float(digits)
    if math.isinf(number):
        raise Refused("malformed_json", f"The number {digits[:40]} is too large.")
    return int(number) if number.is_integer() and abs(number) < EXACT else number


def depth(found: Any) -> int:
    """How deep objects and lists stand in each other. By level, not by recursion: the body may be hostile."""
    level, deep = [found], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        deep += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return deep


def too_deep() -> Refused:
    return Refused("malformed_json", f"The body is nested deeper than {DEEPEST} levels.")


def check_text(found: Any) -> None:
    """Raises Refused for text that no database keeps: a NUL, or half of a surrogate pair."""
    for where, text in texts(found, ()):
        if "\0" in text or not is_whole(text):
            why = "holds a NUL or half a surrogate pair, which cannot be kept: remove it"
            raise Refused(
                "invalid", f"A text {why}.", errors=[Wrong(pointer(where), f"It {why}.", "bad_text")]
            )


def texts(found: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """Every text in the document, names included, and where it stands."""
    if isinstance(found, str):
        yield where, found
    elif isinstance(found, dict):
        for name, inner in found.items():
            yield where, name
            yield from texts(inner, (*where, name))
    elif isinstance(found, list):
        for number, inner in enumerate(found):
            yield from texts(inner, (*where, number))


def is_whole(text: str) -> bool:
    """Whether every character is one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
