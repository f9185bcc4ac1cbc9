"""MIME as far as reports need it, from hostile hands: headers and the parts right below, nothing deeper.

Nothing here calls itself, and everything is read once from front to back: a message of any shape costs no
more than its size, and ends as parts, or as none.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

HEADER_BYTES = 64 * 1024
"""So much of a part may be headers; what follows belongs to nothing."""
MOST_PARTS = 20
MOST_LINES = 5_000
END = re.compile(rb"\r?\n[ \t]*\r?\n|\A\r?\n")
PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)')
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")


class Part(NamedTuple):
    """Headers, by their names in lower case, and what stands below them as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """`multipart/report`; what says nothing is plain text."""
        return self.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, empty if it has none."""
        for found, value in PARAMETER.findall(self.headers.get("content-type", "")):
            if found.lower() == name:
                bare: str = value
                return re.sub(r"\\(.)", r"\1", bare[1:-1]) if bare.startswith('"') else bare
        return ""

    def decoded(self) -> bytes:
        """The body without its transfer encoding; one that is broken as far as it goes."""
        encoding = self.headers.get("content-transfer-encoding", "").strip().lower()
        if encoding == "base64":
            return _base64(self.body)
        return a2b_qp(self.body) if encoding == "quoted-printable" else self.body

    def parts(self) -> list[Part]:
        """The parts right below, at most twenty; none if it is not made of parts."""
        boundary = self.parameter("boundary").encode("latin-1", "replace").rstrip()
        if not self.media_type.startswith("multipart/") or not boundary:
            return []
        line = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*\r?(?=\n|\Z)")
        marks = list(islice(line.finditer(self.body), MOST_PARTS + 1))
        ends = [mark.start() for mark in marks[1:]] + [len(self.body)]
        found: list[Part] = []
        for mark, end in zip(marks[:MOST_PARTS], ends, strict=False):
            if mark[1]:
                break
            found.append(read_part(self.body[mark.end() + 1 : end]))
        return found


def read_part(raw: bytes) -> Part:
    """Headers and body."""
    if raw.startswith(b"From "):  # a mailbox's own line
        raw = raw.partition(b"\n")[2]
    end = END.search(raw, 0, HEADER_BYTES)
    if end is None:
        return Part(_first(read_fields(raw[:HEADER_BYTES])), b"")
    return Part(_first(read_fields(raw[: end.start()])), raw[end.end() :])


def read_fields(raw: bytes) -> list[tuple[str, str]]:
    """Lines of `Name: value`, unfolded, names in lower case; other lines are passed over."""
    found: list[tuple[str, list[str]]] = []
    for line in raw.split(b"\n", MOST_LINES)[:MOST_LINES]:
        text = CONTROL.sub(" ", line.decode("utf-8", "replace"))
        if text[:1] in {" ", "\t"}:
            if found:
                found[-1][1].append(text.strip())
            continue
        name, colon, value = text.partition(":")
        if colon:
            found.append((name.strip().lower(), [value.strip()]))
    return [(name, " ".join(values).strip()) for name, values in found]


def read_blocks(raw: bytes, most: int) -> list[dict[str, str]]:
    """Blocks of fields with empty lines between, at most so many, empty ones left out."""
    blocks = (read_fields(block) for block in re.split(rb"\n[ \t\r]*(?=\n)", raw[: 16 * HEADER_BYTES]))
    return [_first(fields) for fields in islice(filter(None, blocks), most)]


def _first(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of a header that stands twice the first counts."""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name, value)
    return found


def _base64(body: bytes) -> bytes:
    signs = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    try:
        return a2b_base64(signs[: len(signs) // 4 * 4] + _rest(signs[len(signs) // 4 * 4 :]))
    except Error:
        return b""


def _rest(signs: bytes) -> bytes:
    """The last group, filled up; a single sign holds no byte."""
    return signs.ljust(4, b"=") if len(signs) > 1 else b""
