"""Uploads that nobody needs any more, and the files of jobs that are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jobs.artifacts.storage import delete_files
from jobs.database import DJANGO, Database

EXPIRED = """
SELECT a.id FROM millrace_artifact a
WHERE a.expires_at < now() AND a.id > %(after)s::uuid
  AND NOT EXISTS (SELECT 1 FROM millrace_artifact_use u WHERE u.artifact_id = a.id)
ORDER BY a.id LIMIT %(limit)s
"""
# A submit that is about to use one of them holds KEY SHARE on it: leave that one alone.
LOCK = "SELECT id FROM millrace_artifact WHERE id = ANY(%(ids)s::uuid[]) FOR UPDATE SKIP LOCKED"
# A second statement, because only it sees a use that was committed while the first one waited.
DELETE = """
DELETE FROM millrace_artifact a
WHERE a.id = ANY(%(ids)s::uuid[])
  AND NOT EXISTS (SELECT 1 FROM millrace_artifact_use u WHERE u.artifact_id = a.id)
RETURNING a.id, a.path
"""
LOCK_OF_JOBS = "SELECT id FROM millrace_artifact WHERE job_id = ANY(%(jobs)s::uuid[]) ORDER BY id FOR UPDATE"
DELETE_USES = "DELETE FROM millrace_artifact_use WHERE job_id = ANY(%(jobs)s::uuid[])"
# Another job still needs it: it stays until that one is forgotten, and expires then.
RELEASE = """
UPDATE millrace_artifact a SET job_id = NULL, expires_at = now()
WHERE a.job_id = ANY(%(jobs)s::uuid[])
  AND EXISTS (SELECT 1 FROM millrace_artifact_use u WHERE u.artifact_id = a.id)
"""
DELETE_OF_JOBS = "DELETE FROM millrace_artifact WHERE job_id = ANY(%(jobs)s::uuid[]) RETURNING path"
NOTHING = UUID(int=0)


def expired_artifacts(limit: int, db: Database = DJANGO, *, after: UUID = NOTHING) -> list[UUID]:
    """Artifacts whose time is over and that no job uses; `after` pages through them by id."""
    return [row[0] for row in db.rows(EXPIRED, {"limit": limit, "after": after})]


def delete_artifacts(ids: Sequence[UUID], db: Database = DJANGO) -> list[UUID]:
    """Forget artifacts that no job uses, and their files after the commit; answers which were forgotten."""
    with db.atomic():
        locked = [row[0] for row in db.rows(LOCK, {"ids": list(ids)})]
        gone = db.rows(DELETE, {"ids": locked})
        paths = [path for _, path in gone]
        db.after_commit(lambda: delete_files(paths))
    return [artifact for artifact, _ in gone]


def forget(jobs: Sequence[UUID], *, db: Database = DJANGO) -> None:
    """Forget what these jobs brought out and what they used; call it in the transaction that purges them.

    Uploads stay until their own time is over.
    """
    if not jobs:
        return
    of_jobs = {"jobs": list(jobs)}
    db.rows(LOCK_OF_JOBS, of_jobs)
    db.rows(DELETE_USES, of_jobs)
    db.rows(RELEASE, of_jobs)
    paths = [path for (path,) in db.rows(DELETE_OF_JOBS, of_jobs)]
    if paths:
        db.after_commit(lambda: delete_files(paths))
