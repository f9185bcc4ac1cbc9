"""Texts with variables: `Hello {{ name|default:"friend" }}`, understood once and filled for each recipient.

The little language has no more than this: no tags, no attributes, no calls. Whoever may write a mail cannot
make the worker do anything but put that recipient's values in.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from workers.engines.mail import markup
from workers.engines.mail.markup import LINK, Attribute
from workers.engines.mail.writable import Unwritable

VARIABLE = re.compile(r'\{\{\s*([A-Za-z_]\w*)\s*(?:\|\s*default:\s*"([^"{}]*)"\s*)?\}\}', re.ASCII)
URL_SAFE = "%/:?#[]@!$&'()*+,;=~"

Value = str | int | float
Values = Mapping[str, Value]


class Hole(NamedTuple):
    """Where a variable's value goes, and how it is written there."""

    name: str
    default: str | None
    write: Callable[[str], str]

    def value(self, values: Values) -> str:
        """As it is to stand there; raises Unwritable if there is no value and no default."""
        value = values.get(self.name, self.default)
        if value is None:
            raise Unwritable(self.name, "is a variable of this mail without a value and without a default")
        return self.write(value if isinstance(value, str) else str(value))


@dataclass(frozen=True)
class Pattern:
    """Text with holes."""

    pieces: tuple[str | Hole, ...]

    @property
    def variables(self) -> set[str]:
        """The names of what has to be filled in."""
        return {piece.name for piece in self.pieces if isinstance(piece, Hole)}

    @property
    def required(self) -> set[str]:
        """Those that have no default."""
        return {piece.name for piece in self.pieces if isinstance(piece, Hole) and piece.default is None}

    def fill(self, values: Values) -> str:
        """The text for one recipient."""
        return "".join([piece if isinstance(piece, str) else piece.value(values) for piece in self.pieces])

    def __add__(self, other: Pattern) -> Pattern:
        return Pattern(self.pieces + other.pieces)


def fixed(text: str) -> Pattern:
    """Text without holes, whatever braces stand in it."""
    return Pattern((text,) if text else ())


def parse(text: str, *, field: str) -> Pattern:
    """Text as somebody wrote it; raises Unwritable where braces open what is no variable."""
    return Pattern(tuple(_pieces(text, field)))


def parse_link(text: str, *, field: str) -> Pattern:
    """The same for a link: values are quoted as parts of it, also in plain text."""
    pieces = parse(text, field=field).pieces
    return Pattern(
        tuple(each if isinstance(each, str) else each._replace(write=part_of_link) for each in pieces)
    )


def _pieces(text: str, field: str) -> Iterator[str | Hole]:
    place = 0
    for found in VARIABLE.finditer(text):
        yield from _plain(text[place : found.start()], field)
        yield Hole(found[1], found[2], str)
        place = found.end()
    yield from _plain(text[place:], field)


def _plain(text: str, field: str) -> Iterator[str]:
    for opening in ("{{", "{%"):
        if opening in text:
            shown = text[text.index(opening) :][:30]
            raise Unwritable(
                field, f'has {shown!r}: write a variable as {{{{ name }}}} or {{{{ name|default:"…" }}}}'
            )
    if text:
        yield text


class Marks:
    """Carries holes through a template: each becomes a word that no template changes, and is found again.

    The words are small letters and digits, so that escaping, linking and quoting leave them as they are.
    """

    def __init__(self) -> None:
        self._secret = f"mark{secrets.token_hex(8)}x"
        self._holes: list[Hole] = []

    def mark(self, pattern: Pattern) -> str:
        """The text for a template."""
        return "".join(piece if isinstance(piece, str) else self._word(piece) for piece in pattern.pieces)

    def text(self, rendered: str) -> Pattern:
        """What a template for plain text made of it."""
        return Pattern(tuple(self._split(rendered)))

    def html(self, rendered: str) -> Pattern:
        """What a template for HTML made of it: values are escaped as the place they stand in asks for."""
        links = (each for tag in markup.tags(rendered) for each in tag.attributes if each.leads)
        return Pattern(tuple(self._split(rendered, links)))

    def _word(self, hole: Hole) -> str:
        self._holes.append(hole)
        return f"{self._secret}{len(self._holes) - 1}x"

    def _split(self, rendered: str, links: Iterator[Attribute] | None = None) -> Iterator[str | Hole]:
        place = 0
        link = next(links, None) if links is not None else None
        for found in re.finditer(rf"{self._secret}(\d+)x", rendered):
            if before := rendered[place : found.start()]:
                yield before
            place = found.end()
            hole = self._holes[int(found[1])]
            if links is None:
                yield hole
                continue
            while link is not None and link.end <= found.start():
                link = next(links, None)
            yield hole._replace(write=_writing_at(found.start(), rendered, link))
        if rest := rendered[place:]:
            yield rest


def part_of_link(value: str) -> str:
    """Written so that it changes nothing about where the link leads but this part."""
    return quote(value, safe="")


def whole_link(value: str) -> str:
    """A whole link; what is none leads nowhere, rather than to a script."""
    return html.escape(quote(value, safe=URL_SAFE)) if LINK.fullmatch(value) else "#"


def _writing_at(place: int, rendered: str, link: Attribute | None) -> Callable[[str], str]:
    if link is None or place < link.start:
        return html.escape
    return part_of_link if rendered[link.start : place].strip(markup.AROUND) else whole_link
