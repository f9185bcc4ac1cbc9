"""HTML as a reader's program takes it apart: where its tags are, which attributes lead somewhere, and where.

No more of the grammar than that (HTML, 13.2.5): tags, attributes and their quotes, comments, and elements
whose content is text. Comments are looked into, for `<!--[if mso]>` opens what Outlook takes for markup.
Linear in the length of the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

LINK = re.compile(r"(https?://|mailto:)\S+", re.IGNORECASE)
"""A whole link, as a value may be one: to the web, or to a mailbox."""
LINKING = frozenset(
    {
        "action", "background", "cite", "classid", "codebase", "data", "dynsrc", "formaction", "href", "icon",
        "longdesc", "lowsrc", "manifest", "ping", "poster", "profile", "src", "srcset", "usemap",
        "xlink:href",
    }
)  # fmt: skip
TAG = r"<[/!?]?([a-zA-Z][^\s/>]*)"
OPENED = re.compile(rf"<!--(?:-?>|.*?(?:--!?>|\Z))|{TAG}", re.DOTALL)
OPENED_WITHIN = re.compile(TAG)
"""The same in a comment, where no other begins."""
CONDITION = re.compile(r"<!--\s*\[if\b", re.IGNORECASE)
ATTRIBUTE = re.compile(
    r"""[\s/]*(?P<name>[^\s/>][^\s/>=]*)
        (?:\s*=\s*(?:"(?P<double>[^"]*)(?:"|\Z) | '(?P<single>[^']*)(?:'|\Z) | (?P<bare>[^\s>]*)))?""",
    re.VERBOSE,
)
LED = re.compile(rf"""\b(?:{"|".join(LINKING)})\s*=\s*["']?([^"'\s>]*)""", re.IGNORECASE)
"""At least every link that there is, up to its first blank: for a glance that is enough for most texts."""
TEXT_ONLY = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
LEFT_OUT = re.compile(r"[\t\r\n]")
"""What programs leave out of a link, wherever it stands."""
AROUND = "".join(map(chr, range(33)))


class Attribute(NamedTuple):
    """An attribute with a value: where that begins and ends in the text, within its quotes."""

    name: str
    start: int
    end: int
    is_quoted: bool

    @property
    def leads(self) -> bool:
        """Whether its value is a link."""
        return self.name in LINKING


class Tag(NamedTuple):
    """A tag, from its `<` to behind its `>`; up to `text_end` follows what is mere text, as in a style."""

    name: str
    start: int
    end: int
    attributes: list[Attribute]
    text_end: int
    is_remark: bool
    """Whether it stands in a comment that every program passes over."""


def tags(text: str) -> Iterator[Tag]:
    """Every tag, in order, those in comments too."""
    place = 0
    while found := OPENED.search(text, place):
        place = found.end()
        if found[1]:
            tag = _tag(text, found, len(text))
            place = tag.text_end
            yield tag
        else:
            yield from _within(text, *found.span(), is_remark=not CONDITION.match(text, found.start()))


def link_of(value: str) -> str:
    """An attribute's value as programs follow it."""
    return LEFT_OUT.sub("", html.unescape(value)).strip(AROUND)


def strange_link(text: str, known: Collection[str]) -> str:
    """The first link that leads neither to the web nor to a mailbox, and is not known; empty: none does."""
    # What is known counts for whole links alone: `java` may be one, and a blank away from `script:`.
    if all(found[1] and _is_usual(found[1]) for found in LED.finditer(text)):
        return ""
    links = (
        link_of(text[each.start : each.end]) for tag in tags(text) for each in tag.attributes if each.leads
    )
    return next((link for link in links if link not in known and not _is_usual(link)), "")


def _is_usual(link: str) -> bool:
    return not link or link.startswith("#") or LINK.match(link) is not None


def _within(text: str, place: int, stop: int, *, is_remark: bool) -> Iterator[Tag]:
    while found := OPENED_WITHIN.search(text, place, stop):
        tag = _tag(text, found, stop, is_remark=is_remark)
        place = tag.text_end
        yield tag


def _tag(text: str, opened: re.Match[str], stop: int, *, is_remark: bool = False) -> Tag:
    attributes = []
    place = opened.end()
    while found := ATTRIBUTE.match(text, place, stop):
        place = found.end()
        kind = found.lastgroup
        if kind and kind != "name":
            attributes.append(Attribute(found["name"].lower(), *found.span(kind), is_quoted=kind != "bare"))
    closed = text.find(">", place, stop)
    end = stop if closed < 0 else closed + 1
    name = opened[1].lower()
    is_text = name in TEXT_ONLY and text[opened.start() + 1] not in "/!?"
    text_end = _text_end(text, name, end, stop) if is_text else end
    return Tag(name, opened.start(), end, attributes, text_end, is_remark)


def _text_end(text: str, name: str, start: int, stop: int) -> int:
    closed = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, start, stop)
    return closed.start() if closed else stop
