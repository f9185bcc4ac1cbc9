"""Idempotency keys: the same asking twice is one job.

The key's row is written in the job's transaction. A rival with the same key waits for that transaction to
end, then finds the job (or, after a rollback, makes it). A person who clicked twice, a command and a
schedule want that; a program is told at once that the first request is on its way (`recall`). The lock that
tells it is the transaction's own, so it ends with it however that ends, and a pooler may stand between.
Where all that is done is a job, its statement claims the key as well (`CLAIM`): nobody looks for it first.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple
from uuid import UUID

from jobs.conf import conf
from jobs.database import Database
from jobs.errors import InFlight, KeyReused, Refusal
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
ALONE = "SELECT pg_try_advisory_xact_lock(%(lock)s)"
ANSWER = """
    SELECT fingerprint, answer::text FROM millrace_idempotency_key
     WHERE scope = %(scope)s AND key = %(key)s AND expires_at > clock_timestamp()
"""
KEEP = """
    INSERT INTO millrace_idempotency_key AS known (scope, key, fingerprint, answer, expires_at)
    VALUES (%(scope)s, %(key)s, %(fingerprint)s, %(answer)s::jsonb,
            clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (scope, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, answer = excluded.answer, job = NULL,
           expires_at = excluded.expires_at
"""
# No row: the key stands for an answer, or somebody is about to answer it. Whoever writes here holds the lock,
# so that nobody waits for another's row; what was committed since our snapshot is a conflict all the same.
CLAIM = """
    INSERT INTO millrace_idempotency_key AS known (scope, key, fingerprint, answer, expires_at)
    SELECT %(key_scope)s, %(key)s, %(fingerprint)s, %(answer)s::jsonb,
           clock_timestamp() + make_interval(secs => %(key_seconds)s)
     WHERE pg_try_advisory_xact_lock(%(key_lock)s::bigint)
    ON CONFLICT (scope, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, answer = excluded.answer, job = NULL,
           expires_at = excluded.expires_at
     WHERE known.expires_at < clock_timestamp()
    RETURNING key
"""
LONGEST = 255
HOUR = 3600.0


class Key(NamedTuple):
    """An idempotency key and whose it is: the same word of two people is two keys."""

    scope: str
    key: str


class Taken(Exception):
    """A key could not be claimed: `recall` says whether it was answered or is being answered."""


class Promise(NamedTuple):
    """A key, what is asked under it, and what will have been answered once that is done."""

    key: Key
    print_: str
    answer: dict[str, Any]

    def params(self) -> dict[str, Any]:
        """For CLAIM."""
        return {
            "key_scope": self.key.scope,
            "key": self.key.key,
            "fingerprint": self.print_,
            "answer": json.dumps(self.answer),
            "key_seconds": conf().keep_key_hours * HOUR,
            "key_lock": lock_of(self.key),
        }


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


def recall(key: Key, *, print_: str, db: Database) -> dict[str, Any] | None:
    """What was answered to this key, or None; call it in the transaction that keeps the answer.

    Raises InFlight while another transaction answers the same key, KeyReused if it stands for something else.
    """
    if not db.rows(ALONE, {"lock": lock_of(key)})[0][0]:
        raise InFlight("The first request with this key is still being answered. Send the same again soon.")
    # A statement of its own: its snapshot sees what the lock's last holder committed.
    return look_up(key, print_=print_, db=db)


def look_up(key: Key, *, print_: str, db: Database) -> dict[str, Any] | None:
    """What was answered to this key, or None; a rival may be about to answer it. Raises KeyReused."""
    rows = db.rows(ANSWER, key._asdict(), is_fixed=True)
    if not rows:
        return None
    if rows[0][0] != print_:
        raise KeyReused(
            f"The key {key.key!r} was used before, for another request. Use a new key, or send the same."
        )
    answer: dict[str, Any] = json.loads(rows[0][1])
    return answer


def keep_answer(key: Key, answer: dict[str, Any], *, print_: str, db: Database) -> None:
    """Keep what is about to be answered, in the transaction of what it tells."""
    params = {"fingerprint": print_, "answer": json.dumps(answer), "seconds": conf().keep_key_hours * HOUR}
    db.rows(KEEP, params | key._asdict())


def lock_of(key: Key) -> int:
    """The number of the advisory lock: 64 bits, as PostgreSQL takes them."""
    digest = hashlib.sha256(f"{key.scope}\x1f{key.key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
