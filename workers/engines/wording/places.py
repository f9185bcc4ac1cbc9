"""A user's HTML before any value is known: its own links, the pictures it shows, where variables stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

from django.template.base import tag_re

from workers.engines.mail import markup
from workers.engines.wording.limits import BadWording

VARIABLE = "\ue000"
"""Stands in the place of each variable, as often as that has letters, so that nothing else moves."""
SCRIPTS = ("javascript:", "vbscript:", "data:text/html")
CID = "cid:"
IN_STYLE = re.compile(r"""url\(\s*["']?(cid:[^"')\s]+)""", re.IGNORECASE)


class Shown(NamedTuple):
    """A picture that the HTML shows: its name, the line, and where in the HTML `cid:` and the name stand."""

    name: str
    line: int
    start: int
    end: int


def own_links(source: str, *, field: str) -> frozenset[str]:
    """The links that are there whatever values say; raises BadWording where one could leave its place."""
    masked = _masked(source)
    found = set()
    for tag in markup.tags(masked):
        place = tag.start
        for each in tag.attributes:
            value = masked[each.start : each.end]
            if each.is_quoted:
                _must_be_fixed(source, masked, place, each.start, field)
                place = each.end
            if not each.leads or value != source[each.start : each.end]:
                continue
            link = markup.link_of(value)
            if link.lower().startswith(SCRIPTS):
                raise BadWording(field, "a link leads to a script; mail has none", _line(source, each.start))
            found.add(link)
        _must_be_fixed(source, masked, place, tag.end, field)
    return frozenset(found)


def shown(source: str, *, field: str) -> list[Shown]:
    """The pictures that it shows by `cid:` and a name; raises BadWording where that is not written out."""
    found = []
    line, place = 1, 0
    for start, end in sorted(_cids(_masked(source))):
        line += source.count("\n", place, start)
        place = start
        if tag_re.search(source[start:end]):
            raise BadWording(field, "the picture after cid: is to be named, not made of a variable", line)
        name = unquote(unescape(source[start:end])[len(CID) :])
        found.append(Shown(name, line, start, end))
    return found


def _must_be_fixed(source: str, masked: str, start: int, end: int, field: str) -> None:
    if (place := masked.find(VARIABLE, start, end)) >= 0:
        why = 'a variable stands in a tag, outside of quotes: write it as name="{{ … }}"'
        raise BadWording(field, why, _line(source, place))


def _cids(masked: str) -> Iterator[tuple[int, int]]:
    for tag in markup.tags(masked):
        if tag.is_remark:
            continue
        for each in tag.attributes:
            value = masked[each.start : each.end]
            if not each.leads:
                yield from _in_style(masked, each.start, each.end)
            elif value.strip().lower().startswith(CID):
                start = each.start + len(value) - len(value.lstrip())
                yield start, start + len(value.strip())
        if tag.text_end > tag.end:
            yield from _in_style(masked, tag.end, tag.text_end)


def _in_style(masked: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield from (found.span(1) for found in IN_STYLE.finditer(masked, start, end))


def _masked(source: str) -> str:
    return tag_re.sub(_mask, source.replace(VARIABLE, " "))


def _mask(tag: re.Match[str]) -> str:
    return (VARIABLE if tag[0].startswith("{{") else " ") * len(tag[0])


def _line(source: str, place: int) -> int:
    return source.count("\n", 0, place) + 1
