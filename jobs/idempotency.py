"""Idempotency keys: the same asking twice is one job.

The key's row is written in the job's transaction. A rival with the same key waits for that transaction to
end, then finds the job (or, after a rollback, makes it).
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple
from uuid import UUID

from jobs.conf import conf
from jobs.database import Database
from jobs.errors import KeyReused, Refusal
from jobs.text import storable

REMEMBER = """
    INSERT INTO millrace_idempotency_key AS known (scope, key, fingerprint, job, expires_at)
    VALUES (%(scope)s, %(key)s, %(fingerprint)s, %(job)s,
            clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (scope, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, job = excluded.job, expires_at = excluded.expires_at
     WHERE known.expires_at < clock_timestamp()
    RETURNING job
"""
RECALL = "SELECT job, fingerprint FROM millrace_idempotency_key WHERE scope = %(scope)s AND key = %(key)s"
LONGEST = 255
HOUR = 3600.0


class Key(NamedTuple):
    """An idempotency key and whose it is: the same word of two people is two keys."""

    scope: str
    key: str


def fingerprint(*asked: Any) -> str:
    """What was asked, as a SHA-256."""
    return hashlib.sha256("\x1f".join(map(str, asked)).encode()).hexdigest()


def remember(key: Key, *, job: UUID, print_: str, db: Database) -> UUID | None:
    """Keep the key for this job. None if it is new, else the job it already stands for.

    Raises KeyReused if it stands for something else that was asked, Refusal if it is no key at all.
    """
    if storable(key.key, LONGEST) != key.key:
        raise Refusal(
            f"The idempotency key {key.key[:40]!r} cannot be kept: give at most {LONGEST} characters, "
            "without NUL or half a surrogate pair."
        )
    params = {
        "scope": key.scope,
        "key": key.key,
        "fingerprint": print_,
        "job": job,
        "seconds": conf().keep_key_hours * HOUR,
    }
    if db.rows(REMEMBER, params):
        return None
    known, known_print = db.rows(RECALL, params)[0]
    if known_print != print_:
        raise KeyReused(
            f"The key {key.key!r} was used before, for job {known}, with another payload. "
            "Use a new key, or send the same payload."
        )
    return UUID(str(known))
