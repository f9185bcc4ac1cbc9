"""Files: whether uploads and results can be written, and for how long still."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages

from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.words import size
from jobs.text import MANAGE

LITTLE_BYTES, TOO_LITTLE_BYTES = 2 * 1024**3, 256 * 1024**2
"""Free space: below which it is a warning, and below which a problem."""


def look() -> Seen:
    """As this process and this machine see it."""
    storage = storages["default"]
    if not isinstance(storage, FileSystemStorage):
        return Seen(f"kept by {type(storage).__name__}, which is not asked")
    folder = Path(storage.location)
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    return Seen(f"{folder}, {size(free)} free", [*unwritable(folder, there), *little(there, free)])


def unwritable(folder: Path, there: Path) -> Iterator[Finding]:
    """A real file, at once removed: rights alone do not tell of a disk that is full or read-only."""
    try:
        if there != folder and not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(f"{there} may not be written to")
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"doctor")
            file.flush()
    except OSError as error:
        yield problem(
            "files.unwritable",
            f"Nothing can be written to {folder}: {error.strerror or error}.",
            why="Uploads are refused, and jobs that make files fail.",
            remedy=f"chown -R USER {folder}   (the user of web and workers); or set MEDIA_DIR",
        )


def little(there: Path, free: int) -> Iterator[Finding]:
    """Before it is full."""
    if free < LITTLE_BYTES:
        make = problem if free < TOO_LITTLE_BYTES else warning
        yield make(
            "files.space",
            f"{size(free)} free where files are kept.",
            why="When it is full, uploads are refused and jobs that make files fail.",
            remedy=f"{MANAGE} submit cleanup.run --payload '{{\"dry_run\": false}}'"
            f"   (what fills it: du -xhd1 {there})",
        )
