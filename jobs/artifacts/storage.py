"""Where files lie: Django's default storage, a folder per day, a name that nobody else has."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple
from uuid import UUID

import structlog
from django.core.files.base import File
from django.core.files.storage import default_storage

from jobs.artifacts.sniff import HEAD_BYTES

UPLOADS = "uploads"
RESULTS = "results"
CHUNK_BYTES = 256 * 1024
NAME_CHARACTERS = 150

log = structlog.get_logger(__name__)


class Measure(NamedTuple):
    """What reading a file once told."""

    size: int
    sha256: str
    head: bytes


def measure(content: IO[bytes], *, limit: int | None = None) -> Measure | None:
    """Read a seekable file once and rewind it; None as soon as it is larger than the limit."""
    digest, size, head = hashlib.sha256(), 0, b""
    for chunk in read_chunks(content):
        head = head or chunk[:HEAD_BYTES]
        size += len(chunk)
        if limit is not None and size > limit:
            return None
        digest.update(chunk)
    content.seek(0)
    return Measure(size, digest.hexdigest(), head)


def read_chunks(content: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file, piece by piece."""
    while chunk := content.read(CHUNK_BYTES):
        yield chunk


def keep(area: str, artifact: UUID, content: IO[bytes]) -> str:
    """Store the file; answers the path it got."""
    day = datetime.now(UTC).date().isoformat()
    return default_storage.save(f"{area}/{day}/{artifact}", File(content))


def open_file(path: str) -> File[Any]:
    """The stored file, open for reading; raises FileNotFoundError."""
    return default_storage.open(path, "rb")


def delete_files(paths: Iterable[str]) -> int:
    """Delete stored files, those that are gone already included; answers how many could be deleted.

    A file that cannot be deleted now has no row any more, so a later sweep finds it.
    """
    deleted = 0
    for path in paths:
        try:
            default_storage.delete(path)
        except OSError as error:
            log.warning("artifact_not_deleted", path=path, error=str(error))
        else:
            deleted += 1
    return deleted


def clean_name(name: str) -> str:
    """What a person calls the file: no path, no control characters, not endless, never empty."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    base = PurePosixPath(plain).name
    shown = "".join(sign for sign in base if unicodedata.category(sign)[0] != "C")
    shown = re.sub(r"\s+", " ", shown).strip(" .") or "file"
    stem, dot, suffix = shown.rpartition(".")
    if len(shown) <= NAME_CHARACTERS or not dot or len(suffix) > 10:
        return shown[:NAME_CHARACTERS]
    return stem[: NAME_CHARACTERS - len(suffix) - 1] + "." + suffix
