"""The parts of a message and how they nest (RFC 2045, 2046): each has its headers, and content in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from workers.engines.mail import header, transfer, writable
from workers.engines.mail.pattern import Pattern

Piece = bytes | transfer.Body
LARGE = 64 * 1024
"""So many bytes that are the same for all stay a piece of their own, and are copied for nobody."""


@dataclass(frozen=True)
class Attachment:
    """A file to go with a message; with a `cid` it is shown inside the HTML, as `cid:…`."""

    name: str
    content: bytes
    media_type: str
    cid: str = ""

    @cached_property
    def part(self) -> Part:
        """Encoded once, for all letters that it goes with."""
        return file_part(self)


class Part(NamedTuple):
    """Headers with their line ends, and what follows the empty line."""

    headers: str
    content: list[Piece]
    media_type: str


def build(text: Pattern, html: Pattern | None, attachments: list[Attachment], boundary: str) -> Part:
    """mixed(alternative(text, related(html, inline images)), files), leaving out what has one part only.

    `boundary` begins with `=_`, which occurs in no encoded part.
    """
    shown = [file.part for file in attachments if file.cid]
    whole = text_part("plain", text)
    if html is not None:
        rich = _nest("related", [text_part("html", html), *shown], f"{boundary}.r")
        whole = _nest("alternative", [whole, rich], f"{boundary}.a")
        shown = []
    files = [file.part for file in attachments if not file.cid]
    return _nest("mixed", [whole, *shown, *files], f"{boundary}.m")


def text_part(subtype: str, pattern: Pattern) -> Part:
    """text/plain or text/html in UTF-8."""
    body = transfer.prepare(pattern, field="html" if subtype == "html" else "text")
    content: list[Piece] = [body if pattern.variables else body.fill({})]
    headers = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {body.encoding}\r\n"
    return Part(headers, content, f"text/{subtype}")


def file_part(file: Attachment) -> Part:
    """A file as base64. A message or multipart would be taken apart by readers: it goes as plain bytes."""
    media_type = writable.media_type("attachment's media type", file.media_type).lower()
    if media_type.startswith(("message/", "multipart/")):
        media_type = "application/octet-stream"
    if media_type.startswith("text/"):
        media_type = _text_type(media_type, file.content)
    name = header.parameter("filename", file.name, field="attachment's file name") if file.name else ""
    headers = f"Content-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n"
    if file.cid:
        headers += f"Content-ID: <{writable.content_id('content id', file.cid)}>\r\n"
    headers += f"Content-Disposition: {'inline' if file.cid else 'attachment'}{name}\r\n"
    return Part(headers, [transfer.based(file.content)], media_type)


def _text_type(media_type: str, content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return f"{media_type}; charset=utf-8"


def _nest(subtype: str, parts: list[Part], boundary: str) -> Part:
    if len(parts) == 1:
        return parts[0]
    about = f';\r\n type="{parts[0].media_type}"' if subtype == "related" else ""
    headers = f'Content-Type: multipart/{subtype}{about};\r\n boundary="{boundary}"\r\n'
    content: list[Piece] = []
    for part in parts:
        content += [f"--{boundary}\r\n{part.headers}\r\n".encode(), *part.content, b"\r\n"]
    content.append(f"--{boundary}--\r\n".encode())
    return Part(headers, _joined(content), f"multipart/{subtype}")


def _joined(pieces: list[Piece]) -> list[Piece]:
    """The same in fewer pieces; large ones stay apart, so that letters with the same files share them."""
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        if isinstance(piece, bytes) and isinstance(before, bytes) and max(len(piece), len(before)) <= LARGE:
            joined[-1] = before + piece
        else:
            joined.append(piece)
    return joined
