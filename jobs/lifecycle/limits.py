"""Limits, in the gate: let jobs through as slots become free and rates allow.

A limited job stands outside the line (`held_by`) at one key that had no room. Whoever ends such a job, and
every worker's timer, looks at its keys: who holds their slots, asked of the jobs themselves, so that a slot
cannot leak; who waits; `jobs.allot` decides.

Who is right when two disagree: the version of the key. Every admission raises it and is written in one
statement only if nobody raised it since we looked; meanwhile slots can only have become free. No lock is
held between two statements, so a process that freezes here holds nobody up. If we die on any line, the
timers look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from jobs.allot import Allotment, Held, Slots, Standing, allot
from jobs.broker import ring_all
from jobs.database import DJANGO, Database, Row
from jobs.lifecycle.transition import again_on_deadlock
from jobs.limit import Bound, from_json

CHUNK = 100
"""How many waiting jobs of a key one look reads."""
KEYS = 200
"""How many keys one look is about, …"""
ROUND_SECONDS = 0.25
"""… and how long one turn of the timers goes on while that lets somebody through."""
MOST_KEYS = 1000
"""How many keys whoever freed or asked for slots looks at; of more, the timers take care."""
TRIES = 20
"""How often a look is repeated because another let somebody through meanwhile; then the timers do it."""
PUT_OFF_SECONDS = 0.02
"""So long a process that found many in the line looks no more when a job of its own ends: half of all slots
stand there. It looks before it rests, so that no child finds the line empty while a slot is free."""

ENSURE = """
    INSERT INTO millrace_limit (key) SELECT unnest(%(keys)s::text[]) ON CONFLICT DO NOTHING
"""
# A place in the line as one value: the lower comes first.
PLACE = "ARRAY[-priority, turn, seq]::float8[]"
READ = f"""
    SELECT key, version, earliest, at_once, starts, seconds, extract(epoch FROM clock_timestamp())::float8,
           held.ids, held.queue, held.standing, held.last
      FROM millrace_limit LEFT JOIN LATERAL (
           SELECT queue, array_agg(id) AS ids, count(*) FILTER (WHERE state = 'queued') AS standing,
                  max({PLACE}) FILTER (WHERE state = 'queued') AS last
             FROM millrace_job
            WHERE id = ANY (holders) AND (state = 'running' OR (state = 'queued' AND ready))
            GROUP BY queue) AS held ON true
     WHERE key = ANY (%(keys)s)
"""  # noqa: S608 - constants of ours
WAITING = f"""
    SELECT job.id, job.held_by, job.limits::text, job.queue, {PLACE}
      FROM unnest(%(keys)s::text[], %(rooms)s::int[]) AS at (key, room), LATERAL (
           SELECT id, held_by, limits, queue, priority, turn, seq FROM millrace_job
            WHERE held_by = at.key ORDER BY priority DESC, turn, seq LIMIT at.room) AS job
     ORDER BY job.priority DESC, job.turn, job.seq
"""  # noqa: S608 - constants of ours
ADMIT = """
    WITH given AS (
        SELECT * FROM unnest(%(keys)s::text[], %(versions)s::bigint[], %(holders)s::text[],
                             %(earliest)s::float8[], %(at_once)s::int[], %(starts)s::int[],
                             %(seconds)s::float8[])
                   AS given (key, version, holders, earliest, at_once, starts, seconds)),
    locked AS MATERIALIZED (
        SELECT known.key FROM millrace_limit AS known JOIN given USING (key)
         WHERE known.version = given.version ORDER BY known.key FOR UPDATE OF known),
    fits AS MATERIALIZED (SELECT count(*) = cardinality(%(keys)s::text[]) AS all FROM locked),
    noted AS (
        UPDATE millrace_limit AS known
           SET version = known.version + 1, holders = given.holders::uuid[], earliest = given.earliest,
               at_once = given.at_once, starts = given.starts, seconds = given.seconds
          FROM given WHERE known.key = given.key AND (SELECT fits.all FROM fits)),
    passed AS (
        UPDATE millrace_job AS job
           SET ready = picked.to_key IS NULL, held_by = picked.to_key, version = job.version + 1
          FROM unnest(%(jobs)s::uuid[], %(from_keys)s::text[], %(to_keys)s::text[])
               AS picked (id, from_key, to_key)
         WHERE job.id = picked.id AND job.state = 'queued' AND NOT job.ready
           AND job.held_by = picked.from_key AND (SELECT fits.all FROM fits)
        RETURNING job.queue, job.ready)
    SELECT (SELECT fits.all FROM fits), (SELECT array_agg(DISTINCT queue) FROM passed WHERE ready)
"""
# From key to key along the index of what is held.
HELD = """
    WITH RECURSIVE held AS (
        (SELECT held_by AS key FROM millrace_job WHERE held_by > %(after)s ORDER BY held_by LIMIT 1)
        UNION ALL
        SELECT (SELECT held_by FROM millrace_job WHERE held_by > held.key ORDER BY held_by LIMIT 1)
          FROM held WHERE held.key IS NOT NULL)
    SELECT key FROM held WHERE key IS NOT NULL LIMIT %(most)s
"""
IDLE = """
    SELECT key FROM millrace_limit AS known
     WHERE earliest < extract(epoch FROM clock_timestamp()) AND key = ANY (coalesce(%(keys)s, ARRAY[key]))
       AND NOT EXISTS (SELECT 1 FROM millrace_job WHERE held_by = known.key)
       AND NOT EXISTS (SELECT 1 FROM millrace_job WHERE id = ANY (known.holders)
                          AND (state = 'running' OR (state = 'queued' AND ready)))
     ORDER BY key LIMIT %(limit)s
"""
FORGET = f"DELETE FROM millrace_limit WHERE key IN ({IDLE}) RETURNING key"  # noqa: S608 - constants of ours


class PutOff:
    """Looks that a process put off, because a look just before found that one would hurry nobody."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._keys: set[str] = set()

    def looked(self, keys: Iterable[str], ample: Collection[str]) -> None:
        """Under some of these so many stand in the line that nobody runs dry so soon."""
        if len(self._until) > MOST_KEYS:
            self._until.clear()
        until = time.monotonic() + PUT_OFF_SECONDS
        self._until |= {key: until if key in ample else 0.0 for key in keys}

    def pressing(self, keys: Iterable[str]) -> list[str]:
        """Those at which one should look now; the others are kept in mind."""
        now = time.monotonic()
        later = {key for key in keys if now < self._until.get(key, now)}
        self._keys |= later
        return [key for key in keys if key not in later]

    def take(self) -> list[str]:
        """All that were put off, once."""
        keys, self._keys = self._keys, set()
        self._until.clear()
        return sorted(keys)


PUT_OFF = PutOff()


def look_again(limits: Iterable[str | None], *, db: Database) -> None:
    """Jobs under these limits wait for a slot, or hold one no more: look at their keys after the commit."""
    each_chunk(keys_of(limits), partial(let_through, db=db), db)


def look_again_soon(limits: Iterable[str | None], *, db: Database) -> None:
    """The same of jobs that ended where the next is asked for: not at once if that hurries nobody."""
    each_chunk(keys_of(limits), partial(let_through_soon, db=db), db)


def keys_of(limits: Iterable[str | None]) -> list[str]:
    """The keys that these name, in their order."""
    return sorted({bound.key for text in set(limits) for bound in from_json(text)})[:MOST_KEYS]


def each_chunk(keys: list[str], call: Callable[[list[str]], object], db: Database) -> None:
    """Call after the commit, with some of them at a time."""
    for first in range(0, len(keys), KEYS):
        db.after_commit(partial(call, keys[first : first + KEYS]))


def let_through_soon(keys: Collection[str], *, db: Database) -> None:
    """Look at these, unless one did so lately and found many in the line."""
    if pressing := PUT_OFF.pressing(keys):
        let_through(pressing, db=db)


def let_through_put_off(*, db: Database) -> bool:
    """Before a child rests: look where it put that off; whether anybody came into a line."""
    keys = PUT_OFF.take()
    return bool(keys) and bool(let_through(keys, db=db))


def let_through(keys: Collection[str], *, db: Database = DJANGO) -> list[str]:
    """Admit whoever finds room at these keys, and ring; the queues that were rung for.

    Outside of any transaction: what it sees must be committed, and what it does seen by others at once.
    """
    queues: set[str] = set()
    wanted = set(keys)
    for _ in range(TRIES):
        found = again_on_deadlock(db, partial(look, sorted(wanted), db))
        if found is None:
            continue  # another let somebody through meanwhile: what we read is old
        queues |= found.admitted
        PUT_OFF.looked(wanted, found.ample)
        if found.is_last:
            break
        wanted |= found.moved_to
    ring_all(sorted(queues))
    return sorted(queues)


def held_keys(most: int, *, after: str = "", db: Database = DJANGO) -> list[str]:
    """Keys before which somebody waits, in their order."""
    return [row[0] for row in db.rows(HELD, {"after": after, "most": most})]


def idle_keys(limit: int, *, db: Database = DJANGO) -> list[str]:
    """Keys that nobody waits for, holds, or has lately started under."""
    return [row[0] for row in db.rows(IDLE, {"keys": None, "limit": limit})]


def forget_keys(keys: Collection[str], *, db: Database = DJANGO) -> int:
    """Forget those that are idle still; how many went. A job that comes to need one makes it again."""
    return len(db.rows(FORGET, {"keys": list(keys), "limit": len(keys)}))


class Rounds:
    """The timers' way around all keys before which somebody waits, some at each turn."""

    def __init__(self) -> None:
        self._after = ""

    def turn(self, db: Database) -> list[str]:
        """Look at the next keys: for rates, whose time has come, and for what nobody else told of."""
        rung: list[str] = []
        until = time.monotonic() + ROUND_SECONDS
        while True:
            keys = held_keys(KEYS, after=self._after, db=db)
            self._after = keys[-1] if len(keys) == KEYS else ""
            queues = let_through(keys, db=db) if keys else []
            rung += queues
            if not queues or not self._after or time.monotonic() > until:
                return rung


class Found(NamedTuple):
    """What one look did: queues with newly ready jobs, keys to which others moved, whether another is due.

    `ample`: keys at which it let nobody through, because that would have hurried nobody.
    """

    admitted: set[str] = set()
    moved_to: set[str] = set()
    is_last: bool = True
    ample: set[str] = set()


def look(keys: list[str], db: Database) -> Found | None:
    """One look and one write; None if outrun."""
    slots, now = read(keys, db)
    rooms = [slots[key].room(now, CHUNK) for key in keys]
    rows = db.rows(WAITING, {"keys": keys, "rooms": rooms})
    if all(slots[key].is_ample_for(queue, place) for _, key, _, queue, place in rows):
        return Found(ample={row[1] for row in rows})
    line = [Held(row[0], row[1], from_json(row[2])) for row in rows]
    others = {bound.key for held in line for bound in held.bounds} - slots.keys()
    if others:
        more, now = read(sorted(others), db)
        slots |= more
    declared = {key: each.latest for key, each in slots.items()}
    plan = allot(slots, line, now)
    if not plan:
        return Found()
    is_whole = max(rooms) < CHUNK and all(
        bound == declared[bound.key] for held in plan.admitted for bound in held.bounds
    )
    return write(plan, slots, db, is_whole=is_whole)


def read(keys: list[str], db: Database) -> tuple[dict[str, Slots], float]:
    """What the database knows of these keys, and its clock. A key nobody used yet is made."""
    while True:
        rows = db.rows(READ, {"keys": keys})
        slots = slots_of(rows)
        if len(slots) == len(keys):
            return slots, rows[0][6]
        db.rows(ENSURE, {"keys": keys})


def slots_of(rows: Sequence[Row]) -> dict[str, Slots]:
    """The rows of READ, each of one queue under one key."""
    found: dict[str, Slots] = {}
    for key, version, earliest, at_once, starts, seconds, _, holders, queue, standing, last in rows:
        if key not in found:
            latest = None if at_once is None and starts is None else Bound(key, at_once, starts, seconds)
            found[key] = Slots(key, version, [], earliest, latest)
        found[key].holders += holders or []
        if standing:
            found[key].standing[queue] = Standing(standing, last)
    return found


def write(plan: Allotment, slots: dict[str, Slots], db: Database, *, is_whole: bool) -> Found | None:
    """The one guarded statement; `is_whole` if the plan was about all that may find room."""
    changed = [slots[key] for key in sorted(slots) if slots[key].is_changed]
    newest = {bound.key: bound for held in plan.admitted for bound in held.bounds}
    moves = [(held, None) for held in plan.admitted] + list(plan.moved)
    (row,) = db.rows(
        ADMIT,
        {
            "keys": [each.key for each in changed],
            "versions": [each.version for each in changed],
            "holders": ["{" + ",".join(map(str, each.holders)) + "}" for each in changed],
            "earliest": [each.earliest for each in changed],
            "at_once": [newest[each.key].at_once for each in changed],
            "starts": [newest[each.key].starts for each in changed],
            "seconds": [newest[each.key].seconds for each in changed],
            "jobs": [held.job for held, _ in moves],
            "from_keys": [held.at for held, _ in moves],
            "to_keys": [key for _, key in moves],
        },
    )
    fits, queues = row
    if not fits:
        return None
    return Found(set(queues or ()), {key for _, key in plan.moved}, is_whole and not plan.moved)
