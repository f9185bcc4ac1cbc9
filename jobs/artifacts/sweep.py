"""Find files that no row names: their upload was rolled back, or their job's outcome was never kept.

A file of a running job has no row either, so only files older than the longest attempt are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.core.files.storage import default_storage

from jobs.artifacts.storage import RESULTS, UPLOADS, delete_files
from jobs.conf import conf
from jobs.database import DJANGO, Database
from jobs.registry import KINDS

BATCH = 500
NAMED = "SELECT path FROM millrace_artifact WHERE path = ANY(%(paths)s::text[])"


def orphan_files(older_than: timedelta, limit: int, db: Database = DJANGO) -> list[str]:
    """Stored files without a row, at most `limit`, the oldest days first."""
    return list(islice(_orphans(max(older_than, _longest_attempt()), db), limit))


def sweep_files(older_than: timedelta, limit: int, db: Database = DJANGO) -> int:
    """Delete stored files without a row; answers how many."""
    return delete_files(orphan_files(older_than, limit, db))


def _orphans(older_than: timedelta, db: Database) -> Iterator[str]:
    before = datetime.now(UTC) - older_than
    files = _old_files(before)
    while batch := list(islice(files, BATCH)):
        named = {path for (path,) in db.rows(NAMED, {"paths": batch})}
        yield from (path for path in batch if path not in named)


def _old_files(before: datetime) -> Iterator[str]:
    for area in (UPLOADS, RESULTS):
        for day in sorted(_listdir(area)[0]):
            # A folder is named after the day its files were written.
            if day <= before.date().isoformat():
                paths = (f"{area}/{day}/{name}" for name in sorted(_listdir(f"{area}/{day}")[1]))
                yield from (path for path in paths if _is_older(path, before))


def _is_older(path: str, before: datetime) -> bool:
    try:
        return default_storage.get_modified_time(path) < before
    except FileNotFoundError:  # another sweep was faster
        return False


def _listdir(path: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(path)
    except FileNotFoundError:
        return [], []


def _longest_attempt() -> timedelta:
    longest = max((kind.timeout for kind in KINDS.all()), default=timedelta(0))
    return longest + timedelta(seconds=conf().grace_seconds + conf().lease_seconds)
