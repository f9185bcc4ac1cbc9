"""A letter with holes, made of a user's wording: in their own HTML, or in the installation's layout."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

from jobs.mail.unsubscribe import VARIABLE, page_to_unsubscribe
from workers.engines.mail import ours
from workers.engines.mail.letter import Letter
from workers.engines.mail.pattern import Hole, Pattern
from workers.engines.wording.variants import Variant


def letter(variant: Variant, **fields: Any) -> Letter:
    """What all recipients of one language share; `fields` are the letter's other ones."""
    parts = {name: part.pattern for name, part in variant.parts.items()}
    subject = parts.pop("subject")
    if "html" in parts:
        return ours.letter_of(subject, parts["text"], parts["html"], **fields)
    if variant.link_pattern is not None:
        parts["link"] = variant.link_pattern
    if page_to_unsubscribe() and VARIABLE not in variant.parts["text"].always:
        parts["unsubscribe"] = Pattern((Hole(VARIABLE, None, str),))
    made = ours.letter("message", subject, parts, **fields)
    blocks = variant.parts["text"].blocks
    assert made.html is not None, "the layout has both"
    return replace(made, html=Pattern(tuple(_piece(each, blocks) for each in made.html.pieces)))


def _piece(piece: str | Hole, blocks: set[str]) -> str | Hole:
    """What a block of plain text wrote keeps its lines in HTML; the link to unsubscribe is one."""
    if isinstance(piece, Hole) and piece.name in blocks:
        return piece._replace(write=_lines)
    if isinstance(piece, Hole) and piece.name == VARIABLE and piece.write is html.escape:
        return piece._replace(write=_anchor)
    return piece


def _anchor(link: str) -> str:
    """The layout makes links of those that stand in a text; of this one it saw a mark."""
    shown = html.escape(link)
    return f'<a href="{shown}">{shown}</a>' if link else ""


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>\n")
