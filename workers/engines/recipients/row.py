"""One recipient of a list, or why a row of it is none."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from jobs.mail.address import CONTROL
from workers.engines.addresses import check_address

ADDRESS_CHARACTERS = 254
NAME_CHARACTERS = 200
VALUE_CHARACTERS = 5_000
ROW_CHARACTERS = 20_000
SHOWN_CHARACTERS = 80
DEPTH = 4
"""How deep the values of a JSON list may nest."""
UNKEPT = re.compile("[\x00\ud800-\udfff]")
"""What no text may hold: a NUL, and half a surrogate pair, as which a byte that is no text is read."""
LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
PLAIN = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([^@]+)")

Values = dict[str, Any]
At = tuple[int, ...]
"""A place in a list, as the reader of its shape writes it down; empty for none."""


class Row(NamedTuple):
    """A recipient: where in the list, and what a template may say to them."""

    line: int
    address: str
    name: str
    language: str
    values: Values
    """Every column but the address, name and language too where the list has them; never empty ones."""
    next: At = ()
    """Where reading could go on behind it; few rows say so."""


class BadRow(NamedTuple):
    """A row that nobody can be mailed by: the line it begins in, what it says, and what is wrong."""

    line: int
    shown: str
    why: str
    is_end: bool = False
    """Whether nothing behind it is read, because too much before it is bad."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


class BadList(Exception):
    """The list as a whole cannot be read, from this line on (0 = at all)."""

    def __init__(self, why: str, line: int = 0) -> None:
        self.line, self.why = line, why
        super().__init__(f"line {line}: {why}" if line else why)


def understand(line: int, found: Mapping[str, Any]) -> Row | BadRow:
    """A row by the names of its columns; what is empty counts as not there."""
    address = found.get("email")
    if not isinstance(address, str) or not (address := address.strip()):
        return BadRow(line, shown(found.values()), "has no address")
    try:
        values, size = {}, 0
        for key, value in found.items():
            if key == "email":
                continue
            if isinstance(value, str):
                if not (value := value.strip()):
                    continue
                characters = len(value)
                check_text(key, value)
            elif value is None:
                continue
            else:
                characters = measure(key, value)
            if characters > VALUE_CHARACTERS:
                raise ValueError(f"has more than {VALUE_CHARACTERS:,} characters in {key}")
            values[key] = value
            size += characters
        if size > ROW_CHARACTERS:
            raise ValueError(f"has more than {ROW_CHARACTERS:,} characters together")
        return Row(line, address_of(address), name_of(values), language_of(values), values)
    except ValueError as error:
        return BadRow(line, address[:SHOWN_CHARACTERS], str(error))


def address_of(text: str) -> str:
    """The address as it is mailed to, its domain in ASCII; raises ValueError."""
    if UNKEPT.search(text):
        check_text("the address", text)
    if len(text) > ADDRESS_CHARACTERS:
        raise ValueError(f"has an address of more than {ADDRESS_CHARACTERS} characters")
    # Most addresses are plain, and share their domains with others.
    plain = PLAIN.fullmatch(text)
    if plain and len(plain[1]) <= 64:
        return f"{plain[1]}@{domain_of(plain[2])}"
    try:
        return check_address(text)
    except ValueError as error:
        raise ValueError(f"{text[:SHOWN_CHARACTERS]!r} {error}") from None


@lru_cache(maxsize=8192)
def domain_of(domain: str) -> str:
    """A domain as mail servers know it; raises ValueError."""
    try:
        return check_address(f"a@{domain}").rpartition("@")[2]
    except ValueError as error:
        raise ValueError(f"the domain {domain[:SHOWN_CHARACTERS]!r} {error}") from None


def name_of(values: Values) -> str:
    """The name shown beside the address, on one line."""
    name = values.get("name", "")
    if not isinstance(name, str):
        raise ValueError("has a name that is no text")
    if len(name) > NAME_CHARACTERS:
        raise ValueError(f"has a name of more than {NAME_CHARACTERS} characters")
    if CONTROL.search(name):
        raise ValueError("has a name with a line break or another control character")
    return name


def language_of(values: Values) -> str:
    """The language asked for, such as `pt-br`; empty where none is."""
    language = values.get("language", "")
    if not language:
        return ""
    if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
        raise ValueError(f"has a language that is none: {str(language)[:20]!r}; write it like en or pt-BR")
    return language.replace("_", "-").lower()


def check_text(key: str, text: str) -> None:
    """Raises ValueError for what cannot be kept."""
    if found := UNKEPT.search(text):
        if found[0] == "\x00":
            raise ValueError(f"has a NUL character in {key}")
        if "\udc80" <= found[0] <= "\udcff":
            byte = ord(found[0]) - 0xDC00
            raise ValueError(f"has a byte in {key} that is no text in this charset: 0x{byte:02X}")
        raise ValueError(f"has half a surrogate pair in {key}")


def measure(key: str, value: Any, depth: int = 1) -> int:
    """How many characters a value of a JSON list has; raises ValueError for what cannot be kept."""
    if isinstance(value, str):
        check_text(key, value)
        return len(value)
    if isinstance(value, float) and math.isinf(value):
        # Python reads 1e999 as infinite, which the ledger's JSON cannot say.
        raise ValueError(f"has a number that is too large in {key}")
    if isinstance(value, bool | int | float) or value is None:
        return len(str(value))
    if depth > DEPTH:
        raise ValueError(f"nests deeper than {DEPTH} in {key}")
    inner = value.values() if isinstance(value, dict) else value
    names = sum(measure(key, name) for name in value) if isinstance(value, dict) else 0
    return names + len(value) + sum(measure(key, one, depth + 1) for one in inner)


def shown(values: Iterable[Any]) -> str:
    """The beginning of a row, to know it by."""
    text = ", ".join(str(value) for value in values if value not in (None, ""))
    return UNKEPT.sub("�", text)[:SHOWN_CHARACTERS]
