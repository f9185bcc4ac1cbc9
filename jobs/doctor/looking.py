"""A connection to the database for one look: read-only, with a limit on every statement and lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobs.database import OwnDatabase

STATEMENT_MS, LOCK_MS = 4000, 2000
"""Below the limit of a whole look, so that a slow question is named and not only timed out."""


@contextmanager
def looking() -> Iterator[OwnDatabase]:
    """One transaction on a connection of its own; the settings end with it, so a pooler may stand between."""
    db = OwnDatabase("doctor")
    try:
        with db.atomic():
            db.rows("SET TRANSACTION READ ONLY")
            db.rows(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
            db.rows(f"SET LOCAL lock_timeout = {LOCK_MS}")
            yield db
    finally:
        db.close()
