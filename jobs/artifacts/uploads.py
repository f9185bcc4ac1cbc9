"""Take a file in: measured and checked before anything is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

from django.contrib.auth.models import User
from django.core.files.base import File
from uuid_utils.compat import uuid7

from jobs.artifacts.field import ArtifactField
from jobs.artifacts.sniff import media_type
from jobs.artifacts.storage import UPLOADS, clean_name, keep, measure, read_chunks
from jobs.conf import conf
from jobs.database import DJANGO, Database
from jobs.errors import BadUpload
from jobs.models import Artifact

IN_MEMORY_BYTES = 2 * 1024 * 1024
INSERT = """
INSERT INTO millrace_artifact (id, owner_id, name, path, media_type, size, sha256, expires_at)
VALUES (%(id)s, %(owner_id)s, %(name)s, %(path)s, %(media_type)s, %(size)s, %(sha256)s,
        now() + make_interval(secs => %(keep_seconds)s))
RETURNING created_at, expires_at
"""


def store_upload(
    content: BinaryIO | File[Any],
    *,
    name: str,
    owner: User,
    field: ArtifactField | None = None,
    db: Database = DJANGO,
) -> Artifact:
    """Keep a file that a person hands in; raises BadUpload if it is empty, too large or of the wrong type.

    It stays until `keep_upload_hours` are over and no job uses it.
    """
    field = field or ArtifactField()
    limit = min(field.max_bytes or conf().upload_bytes, conf().upload_bytes)
    shown = clean_name(name)
    with _seekable(content, limit) as file:
        seen = measure(file, limit=limit)
        if seen is None:
            raise BadUpload(f"{shown!r} is larger than {in_words(limit)}, the most that is accepted here.")
        if not seen.size:
            raise BadUpload(f"{shown!r} is empty. Choose a file with something in it.")
        found = media_type(seen.head, shown)
        if not field.accepts(found):
            raise BadUpload(f"{shown!r} is {found}, by its content. Accepted: {', '.join(field.accept)}.")
        artifact = Artifact(
            id=uuid7(), owner_id=owner.pk, name=shown, media_type=found, size=seen.size, sha256=seen.sha256
        )
        artifact.path = keep(UPLOADS, artifact.id, file)
    columns = {key: value for key, value in vars(artifact).items() if not key.startswith("_")}
    [(artifact.created_at, artifact.expires_at)] = db.rows(
        INSERT, columns | {"keep_seconds": conf().keep_upload_hours * 3600}
    )
    artifact._state.adding = False
    return artifact


def in_words(size: int) -> str:
    """A number of bytes for people."""
    for unit, name in ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


@contextmanager
def _seekable(content: BinaryIO | File[Any], limit: int) -> Iterator[IO[bytes]]:
    """The file itself if it can be read twice, else a copy of as much as may be accepted."""
    if content.seekable():
        content.seek(0)
        yield content
        return
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as copy:
        for chunk in read_chunks(content):
            copy.write(chunk)
            if copy.tell() > limit:
                break
        copy.seek(0)
        yield copy
