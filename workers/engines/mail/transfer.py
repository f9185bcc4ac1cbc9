"""Bodies on their way: quoted-printable or base64, CRLF only, lines of at most 76 characters.

What is written here is its own relaxed form (RFC 6376, 3.4.4): no line ends in a blank and no two blanks
stand side by side, so that a signer has nothing to do but hash it. And `=_` occurs in neither encoding, so
that a boundary with it can never occur in a part.

Quoted-printable encodes each line by itself: lines without a variable are encoded once.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from dataclasses import dataclass

from workers.engines.mail.pattern import Hole, Pattern, Values
from workers.engines.mail.writable import whole

LINE_BREAK = re.compile(r"\r\n|\r")
LINE_CHARACTERS = 76
BASE64_BYTES = 57
QUOTED = re.compile(rb"[^!-<>-~ ]|(?<= ) | \Z")
"""What is written as an escape: all but printable ASCII, and a blank behind another or at the end."""
EQUALS = ord("=")


@dataclass(frozen=True)
class Body:
    """A text ready to be filled: what is fixed is encoded already."""

    encoding: str
    pieces: tuple[bytes | Pattern, ...]
    field: str

    def fill(self, values: Values) -> bytes:
        """The encoded text for one recipient."""
        encode = quoted if self.encoding == "quoted-printable" else based
        return b"".join(
            [
                piece if isinstance(piece, bytes) else encode(whole(self.field, piece.fill(values)))
                for piece in self.pieces
            ]
        )


def prepare(pattern: Pattern, *, field: str) -> Body:
    """Choose the shorter encoding, by what is fixed, and encode that; a line break at the end is added."""
    text = "".join(piece for piece in pattern.pieces if isinstance(piece, str))
    raw = len(whole(field, text).encode())
    if len(quoted(text)) > raw * 1.4 + LINE_CHARACTERS:
        pieces = (pattern,) if pattern.variables else (based(text),)
        return Body("base64", pieces, field)
    parts = [part if part.variables else quoted(part.fill({})) for part in _by_lines(pattern)]
    return Body("quoted-printable", tuple(parts), field)


def quoted(text: str) -> bytes:
    """Quoted-printable, and a line break."""
    text = _with_newlines(text)
    if "  " in text or "\t" in text:
        return b"".join(_quoted_line(line) for line in text.encode().split(b"\n"))
    return b2a_qp(f"{text}\n".replace("\n", "\r\n").encode())


def based(content: str | bytes) -> bytes:
    """Base64; a text is given CRLF, and one at its end."""
    if isinstance(content, str):
        content = f"{_with_newlines(content)}\n".replace("\n", "\r\n").encode()
    lines = [
        b2a_base64(content[place : place + BASE64_BYTES], newline=False)
        for place in range(0, len(content), BASE64_BYTES)
    ]
    return b"\r\n".join([*lines, b""]) if lines else b"\r\n"


def _with_newlines(text: str) -> str:
    return LINE_BREAK.sub("\n", text) if "\r" in text else text


def _quoted_line(line: bytes) -> bytes:
    """The same as b2a_qp makes, but of blanks side by side only the first stays."""
    written = QUOTED.sub(_quoted_byte, line)
    parts, place, most = [], 0, LINE_CHARACTERS - 1
    while len(written) - place > most:
        end = place + most
        # An escape of three characters is not cut; its = occurs nowhere else.
        end -= 1 if written[end - 1] == EQUALS else 2 if written[end - 2] == EQUALS else 0
        parts.append(written[place:end])
        place = end
    return b"=\r\n".join([*parts, written[place:]]) + b"\r\n"


def _quoted_byte(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]


def _by_lines(pattern: Pattern) -> list[Pattern]:
    """Cut at line breaks, so that what has no variable stands apart from what has."""
    groups: list[list[str | Hole]] = [[]]
    for piece in pattern.pieces:
        if isinstance(piece, Hole):
            groups[-1].append(piece)
            continue
        piece = LINE_BREAK.sub("\n", piece)
        head, newline, rest = piece.partition("\n")
        groups[-1].append(head)
        if newline:
            middle, newline, tail = rest.rpartition("\n")
            if newline:
                groups.append([middle])
            groups.append([tail])
    return [Pattern(tuple(group)) for group in groups]
