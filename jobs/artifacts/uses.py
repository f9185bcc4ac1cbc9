"""Which uploads a job's payload names: checked before the job is accepted, recorded with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Protocol, runtime_checkable
from uuid import UUID

import pydantic
from django.contrib.auth.base_user import AbstractBaseUser

from jobs.artifacts.field import artifact_fields, named_files
from jobs.artifacts.storage import open_file
from jobs.artifacts.uploads import in_words
from jobs.database import DJANGO, Database
from jobs.errors import BadPayload, Problem, Refusal
from jobs.review import Used

# KEY SHARE holds cleanup off until the row of the use is committed.
FIND = """
SELECT a.id, a.name, a.media_type, a.size FROM millrace_artifact a
WHERE a.id = ANY(%(ids)s::uuid[])
  AND (a.owner_id = %(owner)s
       OR EXISTS (SELECT 1 FROM millrace_job j
                  WHERE j.id = a.job_id AND j.group_id = ANY(%(groups)s::integer[])))
FOR KEY SHARE OF a
"""
RECORD = """
INSERT INTO millrace_artifact_use (job_id, artifact_id)
SELECT * FROM unnest(%(jobs)s::uuid[], %(artifacts)s::uuid[]) ON CONFLICT DO NOTHING
"""
PATHS = "SELECT id, path, name, media_type, size FROM millrace_artifact WHERE id = ANY(%(ids)s::uuid[])"
DROP = "DELETE FROM millrace_artifact_use WHERE job_id = ANY(%(jobs)s::uuid[])"


@runtime_checkable
class Together(Protocol):
    """A payload that knows whether its files fit each other, and what it says of them."""

    def file_problems(self, files: Mapping[UUID, Used]) -> Iterable[Problem]:
        """What does not fit, and where; each file by itself was accepted."""


def check_uses(
    payload: pydantic.BaseModel, *, owner: AbstractBaseUser, kind: str, db: Database = DJANGO
) -> None:
    """Refuse a payload that names a file its owner does not have, or one that its field does not accept.

    Raises BadPayload with every problem and where it is. Call it in the transaction that records the uses.
    """
    if not artifact_fields(type(payload)):
        return
    named = list(named_files(payload))
    found: dict[UUID, Used] = {}
    if named:
        ids = [artifact for _, artifact in named]
        rows = db.rows(FIND, {"ids": ids, "owner": owner.pk, "groups": _groups(owner)})
        found = {row[0]: Used(*row) for row in rows}
    problems = [
        Problem(where, why)
        for where, artifact in named
        if (why := _objection(payload, str(where[0]), found.get(artifact)))
    ]
    if not problems and isinstance(payload, Together):
        problems = list(payload.file_problems(found))
    if problems:
        raise BadPayload(kind, problems)


def record_uses(jobs: Iterable[tuple[UUID, pydantic.BaseModel]], *, db: Database = DJANGO) -> None:
    """Remember which job uses which file, so that it stays as long as the job does."""
    pairs = [(job, artifact) for job, payload in jobs for _, artifact in named_files(payload)]
    if pairs:
        db.rows(RECORD, {"jobs": [job for job, _ in pairs], "artifacts": [used for _, used in pairs]})


class Opener:
    """Opens files that a payload names and `check_uses` has passed; Refusal where the content is gone.

    Where they lie is asked at the beginning: they may be opened while the connection is busy with a COPY.
    """

    def __init__(self, payload: pydantic.BaseModel, *, db: Database = DJANGO) -> None:
        ids = [artifact for _, artifact in named_files(payload)]
        rows = db.rows(PATHS, {"ids": ids})
        self._paths = {artifact: path for artifact, path, *_ in rows}
        self._about = {artifact: Used(artifact, *about) for artifact, _, *about in rows}

    def about(self, artifact: UUID) -> Used:
        """What is known of it."""
        return self._about[artifact]

    @contextmanager
    def __call__(self, artifact: UUID, /) -> Iterator[IO[bytes]]:
        try:
            file = open_file(self._paths[artifact])
        except FileNotFoundError:
            name = self._about[artifact].name
            raise Refusal(f"The content of {name!r} is missing in the storage. Hand it in again.") from None
        with file:
            yield file


def opener(payload: pydantic.BaseModel, *, db: Database = DJANGO) -> Opener:
    """Opens what a payload names."""
    return Opener(payload, db=db)


def drop_uses(jobs: Iterable[UUID], *, db: Database = DJANGO) -> None:
    """Forget which files these jobs use: their payloads are replaced."""
    db.rows(DROP, {"jobs": list(jobs)})


def _objection(payload: pydantic.BaseModel, name: str, found: Used | None) -> str:
    if found is None:
        return "there is no such file of yours; hand it in first, or again if it was long ago"
    field = artifact_fields(type(payload))[name]
    _, called, media_type, size = found
    if not field.accepts(media_type):
        return f"{called!r} is {media_type}; accepted: {', '.join(field.accept)}"
    if field.max_bytes is not None and size > field.max_bytes:
        return f"{called!r} has {in_words(size)}; accepted: up to {in_words(field.max_bytes)}"
    return ""


def _groups(owner: AbstractBaseUser) -> list[int]:
    """A project's own user model need not know groups."""
    groups = getattr(owner, "groups", None)
    return [] if groups is None else list(groups.values_list("pk", flat=True))
