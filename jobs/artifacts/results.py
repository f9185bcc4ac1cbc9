"""The files of a running job: those its payload names, and those it brings out.

A file is stored at once; the row that shows it is written by `publish`, in the transaction of the outcome.
An attempt that lost its lease therefore shows nothing, and its files are discarded or swept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import UUID

from django.core.files.base import File
from uuid_utils.compat import uuid7

from jobs.artifacts import sniff
from jobs.artifacts.storage import RESULTS, clean_name, delete_files, keep, measure, open_file
from jobs.database import Database
from jobs.errors import Rejected
from jobs.models import Artifact

COLUMNS = (
    "id", "owner_id", "job_id", "name", "path", "media_type", "size", "sha256", "expires_at", "created_at",
)  # fmt: skip
READABLE = f"""
SELECT {", ".join(COLUMNS)} FROM millrace_artifact a
WHERE a.id = %(id)s
  AND (a.owner_id = %(owner)s OR a.job_id = %(job)s
       OR EXISTS (SELECT 1 FROM millrace_artifact_use u WHERE u.artifact_id = a.id AND u.job_id = %(job)s))
"""  # noqa: S608 - our own column names
PUBLISH = """
INSERT INTO millrace_artifact (id, job_id, owner_id, name, path, media_type, size, sha256)
SELECT * FROM unnest(%(id)s::uuid[], %(job)s::uuid[], %(owner)s::bigint[], %(name)s::text[], %(path)s::text[],
                     %(media_type)s::text[], %(size)s::bigint[], %(sha256)s::text[])
"""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A stored file that no row shows yet."""

    id: UUID
    job: UUID
    owner: int
    name: str
    path: str
    media_type: str
    size: int
    sha256: str


class Artifacts:
    """What a kind may do with files."""

    def __init__(self, job: UUID, owner: int, db: Database) -> None:
        self._job = job
        self._owner = owner
        self._db = db
        self.saved: list[Saved] = []
        """Everything this attempt saved, whether or not its result names it."""

    def about(self, artifact: UUID) -> Artifact:
        """What is known about a file of the payload; raises Rejected if it is gone."""
        rows = self._db.rows(READABLE, {"id": artifact, "owner": self._owner, "job": self._job})
        if not rows:
            raise Rejected(f"The file {artifact} is gone. Hand it in again and submit anew.")
        return Artifact(**dict(zip(COLUMNS, rows[0], strict=True)))

    @contextmanager
    def open(self, artifact: UUID) -> Iterator[File[Any]]:
        """A file of the payload, open for reading; raises Rejected if it is gone."""
        about = self.about(artifact)
        try:
            file = open_file(about.path)
        except FileNotFoundError:
            raise Rejected(
                f"The content of {about.name!r} is missing in the storage. Hand it in again and submit anew."
            ) from None
        with file:
            yield file

    def save(self, name: str, content: bytes | BinaryIO | Path, media_type: str | None = None) -> Saved:
        """Store a file; it becomes visible if the job's result names it and the job succeeds."""
        if isinstance(content, Path):
            with content.open("rb") as file:
                return self._save(name, file, media_type)
        return self._save(name, BytesIO(content) if isinstance(content, bytes) else content, media_type)

    def _save(self, name: str, content: IO[bytes], media_type: str | None) -> Saved:
        content.seek(0)
        seen = measure(content)
        assert seen is not None, "no limit was given"
        shown, artifact = clean_name(name), uuid7()
        saved = Saved(
            id=artifact,
            job=self._job,
            owner=self._owner,
            name=shown,
            path=keep(RESULTS, artifact, content),
            media_type=media_type or sniff.media_type(seen.head, shown),
            size=seen.size,
            sha256=seen.sha256,
        )
        self.saved.append(saved)
        return saved


def publish(saved: Sequence[Saved], db: Database) -> None:
    """Show the files of outcomes that were kept; call it in the transaction that records them."""
    if saved:
        rows = [asdict(file) for file in saved]
        db.rows(PUBLISH, {column: [row[column] for row in rows] for column in rows[0]})


def discard(saved: Sequence[Saved]) -> None:
    """Delete the files of an outcome that was dropped."""
    delete_files(file.path for file in saved)
