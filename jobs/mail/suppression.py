"""Suppression: an owner's addresses that get no more mail. Added, lifted and looked up many at a time.

An address stands once per owner. A stronger reason takes a weaker one's place, never the other way round, and
the longest time counts, whichever reason gave it: so nobody gets mail again who said no for good, because
another reason, that ends, was the stronger. What has expired counts as if it were not there. Every verb is
one statement, and doing it twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone
from uuid_utils.compat import uuid7

from jobs.database import DJANGO, Database
from jobs.mail.address import key_of
from jobs.mail.status import is_dead_by_reply
from jobs.models.suppression import Suppressed
from jobs.text import storable

NOTE_CHARACTERS = 500
RANK = list(Suppressed)
HOLDS = """
    (kept.expires_at IS NULL OR kept.expires_at > statement_timestamp())
    AND array_position(%(rank)s::text[], kept.reason) > array_position(%(rank)s::text[], excluded.reason)
"""
# A stronger reason stays, with who gave it and when, while the time of a weaker one makes it longer.
SAID = ", ".join(
    f"{column} = CASE WHEN {HOLDS} THEN kept.{column} ELSE excluded.{column} END"
    for column in ("address", "reason", "source", "job", "note", "created_at")
)
# In the keys' order, so that two batches with the same addresses cannot wait for each other.
ADD = f"""
INSERT INTO millrace_suppression AS kept (id, owner_id, address, key, reason, source, job, note, expires_at)
SELECT id, %(owner)s, address, key, reason, source, job, note, expires_at
  FROM unnest(%(ids)s::uuid[], %(addresses)s::text[], %(keys)s::text[], %(reasons)s::text[],
              %(sources)s::text[], %(jobs)s::uuid[], %(notes)s::text[], %(expiries)s::timestamptz[])
       AS new (id, address, key, reason, source, job, note, expires_at)
 WHERE expires_at IS NULL OR expires_at > statement_timestamp()
 ORDER BY key
ON CONFLICT (owner_id, key) DO UPDATE
   SET {SAID},
       expires_at = CASE WHEN kept.expires_at <= statement_timestamp() THEN excluded.expires_at
                         ELSE nullif(greatest(coalesce(kept.expires_at, 'infinity'),
                                              coalesce(excluded.expires_at, 'infinity')), 'infinity') END
 WHERE kept.expires_at <= statement_timestamp()
    OR array_position(%(rank)s::text[], excluded.reason) > array_position(%(rank)s::text[], kept.reason)
    OR coalesce(excluded.expires_at, 'infinity') > coalesce(kept.expires_at, 'infinity')
RETURNING key
"""  # noqa: S608 - our own text
LIFT = """
DELETE FROM millrace_suppression
 WHERE owner_id = %(owner)s AND key = ANY (%(keys)s::text[])
   AND (%(reasons)s::text[] IS NULL OR reason = ANY (%(reasons)s::text[]))
RETURNING key, coalesce(expires_at > statement_timestamp(), true)
"""
LOOK_UP = """
SELECT kept.key, kept.reason
  FROM unnest(%(keys)s::text[]) AS asked (key)
  JOIN millrace_suppression AS kept ON kept.owner_id = %(owner)s AND kept.key = asked.key
 WHERE kept.expires_at IS NULL OR kept.expires_at > statement_timestamp()
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An address and why it is to get nothing more; `expires_at` None means for good."""

    address: str
    reason: Suppressed
    source: str
    job: UUID | None = None
    note: str = ""
    expires_at: datetime | None = None


class Reply(NamedTuple):
    """What a mail server answered about a recipient: its code, and its words from the enhanced code on."""

    address: str
    code: int
    text: str


def suppress(owner: int, entries: Iterable[Entry], *, db: Database = DJANGO) -> set[str]:
    """Add them for this owner (a user's id); the keys of those that were not so suppressed before.

    Raises ValueError for an address whose domain cannot exist.
    """
    found = _each_once(entries)
    if not found:
        return set()
    rows = db.rows(
        ADD,
        {
            "owner": owner,
            "rank": [reason.value for reason in RANK],
            "ids": [uuid7() for _ in found],
            "keys": list(found),
            "addresses": [entry.address.strip() for entry in found.values()],
            "reasons": [entry.reason.value for entry in found.values()],
            "sources": [entry.source for entry in found.values()],
            "jobs": [entry.job for entry in found.values()],
            "notes": [storable(entry.note, NOTE_CHARACTERS) for entry in found.values()],
            "expiries": [entry.expires_at for entry in found.values()],
        },
    )
    return {key for (key,) in rows}


def lift(
    owner: int,
    addresses: Iterable[str],
    *,
    reasons: Iterable[Suppressed] | None = None,
    db: Database = DJANGO,
) -> set[str]:
    """Let mail go to them again, whatever the reason (or only for these); the keys that were suppressed."""
    keys = _keys(addresses)
    only = None if reasons is None else [reason.value for reason in reasons]
    rows = db.rows(LIFT, {"owner": owner, "keys": list(set(keys.values())), "reasons": only})
    return {key for key, was_in_force in rows if was_in_force}


def look_up(owner: int, addresses: Iterable[str], *, db: Database = DJANGO) -> Mapping[str, Suppressed]:
    """Those of the addresses, as they were given, that get no mail of this owner, and why."""
    keys = _keys(addresses)
    rows = db.rows(LOOK_UP, {"owner": owner, "keys": list(set(keys.values()))})
    reasons = {key: Suppressed(reason) for key, reason in rows}
    return {address: reasons[key] for address, key in keys.items() if key in reasons} if reasons else {}


def suppress_dead(owner: int, job: UUID, replies: Iterable[Reply], *, db: Database = DJANGO) -> set[str]:
    """Suppress those whose address a mail server called dead; the other replies change nothing."""
    dead = [
        Entry(
            address=reply.address,
            reason=Suppressed.BOUNCED,
            source="smtp",
            job=job,
            note=f"{reply.code} {reply.text}",
        )
        for reply in replies
        if is_dead_by_reply(reply.code, reply.text)
    ]
    return suppress(owner, dead, db=db)


def _each_once(entries: Iterable[Entry]) -> dict[str, Entry]:
    """By key; of two in force the one with the stronger reason, for the longer time."""
    found: dict[str, Entry] = {}
    now = timezone.now()
    for entry in entries:
        if entry.expires_at is not None and entry.expires_at <= now:
            continue
        key = key_of(entry.address)
        known = found.get(key)
        found[key] = entry if known is None else _both(known, entry)
    return found


def _both(one: Entry, other: Entry) -> Entry:
    """The stronger, then the longer of the two, until both have ended."""
    said, besides = (one, other) if _weight(one) >= _weight(other) else (other, one)
    is_longer = said.expires_at is not None and _ends(besides) > _ends(said)
    return replace(said, expires_at=besides.expires_at) if is_longer else said


def _weight(entry: Entry) -> tuple[int, float]:
    return RANK.index(entry.reason), _ends(entry)


def _ends(entry: Entry) -> float:
    return entry.expires_at.timestamp() if entry.expires_at else float("inf")


def _keys(addresses: Iterable[str]) -> dict[str, str]:
    """Each address with its key; what can be no address is suppressed by nobody."""
    found = {}
    for address in addresses:
        try:
            found[address] = key_of(address)
        except ValueError:
            continue
    return found
