"""What a file is, by its first bytes: a name and a browser's word may both be wrong."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftyp", "video/mp4"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"MZ", "application/x-msdownload"),
)
ZIPPED = "application/vnd.openxmlformats", "application/vnd.oasis", "application/epub"
TEXTS = "text/", "application/json", "application/xml", "image/svg+xml", "message/"


def media_type(head: bytes, name: str) -> str:
    """The type by content; the name only chooses within a family that looks the same from its start."""
    by_content = _by_magic(head)
    by_name = mimetypes.guess_type(PurePath(name).name)[0] or ""
    if by_content == "application/zip":
        return by_name if by_name.startswith(ZIPPED) else by_content
    if by_content:
        return by_content
    if not _is_text(head):
        return UNKNOWN
    return by_name if by_name.startswith(TEXTS) else "text/plain"


def _by_magic(head: bytes) -> str:
    for offset, magic, found in MAGIC:
        if head.startswith(magic, offset):
            return found
    return ""


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut in two where the head ends.
        return len(head) >= HEAD_BYTES and error.start >= len(head) - 3
    return True
