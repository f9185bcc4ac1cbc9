"""Traffic: how much mail all workers together send through an account and to each domain, and when they must
leave one alone.

Who is right when two disagree: the row of the key. A chunk of recipients asks once, in one statement that
locks the rows of its keys in their order, and is told who may go now; the others are told when to come again.
Nothing is held while mail is sent. A place among those who are at it at once belongs to an attempt, and is
taken only as long as that attempt is its job's present one and runs: so it cannot leak, whoever dies where.

The rate is the generic cell rate algorithm (ITU-T I.371), by the database's clock. Who has to wait gets an
appointment behind those who wait already; without one nobody comes before them. So however many wait, each
asks about as often as mail may go.

A key that asked to be left alone is off for a time, twice as long each time in a row. When that is over, one
recipient goes and tries; the others follow once it was heard.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from jobs.conf import conf
from jobs.database import DJANGO, Database
from jobs.holder import queues_of
from jobs.lifecycle.transition import again_on_deadlock
from jobs.limit import Bound
from jobs.mail.limits import MailLimits, domain_key, read_limits
from jobs.mail.status import without_addresses
from jobs.text import storable

CALM_SECONDS = 1.0
"""So long a process believes that nobody asked to be left alone."""
PROBE_SECONDS = 60
"""So long who tries a key that was off may take; if it dies, another tries then."""
NEXT_SECONDS = 0.05
"""How far apart those come again who wait for a place."""
FAR_SECONDS = 600
"""No appointment is farther away, unless mail may go no sooner; who gets none asks within so many seconds
after that."""
UNKNOWN_SECONDS = 60
"""A job that a statement does not know may be younger than its snapshot; so long it is believed."""
WHY_CHARACTERS = 300
KEPT = timedelta(days=1)

OFF = "SELECT key FROM millrace_mail_traffic WHERE off_times > 0"
ENSURE = """
    INSERT INTO millrace_mail_traffic (key) SELECT unnest(%(all)s::text[]) ON CONFLICT DO NOTHING
"""
# The last of those asked about is the account; an empty key has no limit. `others` are at it: all whose
# attempt is not over as far as this statement's snapshot knows, which may be older than the lock.
TAKE = f"""
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest(%(keys)s::text[], %(wants)s::int[], %(at_once)s::int[], %(starts)s::int[],
                             %(seconds)s::float8[])
               WITH ORDINALITY AS asked (key, want, at_once, starts, seconds, place)),
    locked AS MATERIALIZED (
        SELECT * FROM millrace_mail_traffic WHERE key = ANY (%(all)s) ORDER BY key FOR UPDATE),
    clock AS MATERIALIZED (
        SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
               count(*) = cardinality(%(all)s::text[]) AS is_whole FROM locked),
    known AS MATERIALIZED (
        SELECT locked.*, clock.now, clock.is_whole, (
               SELECT coalesce(jsonb_object_agg(held.key, held.value), '{{}}')
                 FROM jsonb_each(locked.holders) AS held
                 LEFT JOIN millrace_job AS job ON job.id = split_part(held.key, ':', 1)::uuid
                WHERE held.key <> %(mine)s
                  AND CASE WHEN job.id IS NULL THEN held.value::float8 > clock.now - {UNKNOWN_SECONDS}
                           WHEN job.attempt = split_part(held.key, ':', 2)::int THEN job.state = 'running'
                           ELSE job.attempt < split_part(held.key, ':', 2)::int END) AS others
          FROM locked, clock),
    room AS MATERIALIZED (
        SELECT asked.*, known.now, known.earliest, known.booked, known.off_until, known.off_times,
               coalesce(asked.seconds / asked.starts, 0) AS apart,
               (SELECT count(*) FROM jsonb_object_keys(known.others)) >= asked.at_once AS is_full,
               CASE WHEN known.key IS NULL THEN asked.want
                    WHEN known.off_until > known.now THEN 0
                    WHEN (SELECT count(*) FROM jsonb_object_keys(known.others)) >= asked.at_once THEN 0
                    WHEN asked.starts IS NOT NULL AND known.booked > known.now AND NOT %(waited)s THEN 0
                    ELSE least(
                        asked.want, CASE WHEN known.off_times > 0 THEN 1 END,
                        CASE WHEN asked.starts IS NOT NULL THEN greatest(0, floor(
                             (known.now + asked.seconds - greatest(known.earliest, known.now))
                             / asked.seconds * asked.starts + 1e-6)) END)::int END AS could
          FROM asked LEFT JOIN known ON known.key = asked.key),
    domains AS MATERIALIZED (
        SELECT room.place, greatest(0, least(room.could, (SELECT could FROM room WHERE place = %(last)s)
                 - coalesce(sum(room.could) OVER before, 0)))::int AS got
          FROM room WHERE room.place < %(last)s
        WINDOW before AS (ORDER BY room.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
    ends AS MATERIALIZED (
        SELECT room.*, domains.got, room.want - room.could AS lacks
          FROM room JOIN domains ON domains.place = room.place
         UNION ALL
        SELECT room.*, (SELECT sum(got) FROM domains)::int,
               ((SELECT sum(could) FROM room WHERE place < %(last)s) - (SELECT sum(got) FROM domains))::int
          FROM room WHERE room.place = %(last)s),
    line AS MATERIALIZED (
        SELECT ends.*, greatest(ends.earliest, ends.now) + ends.got * ends.apart AS later,
               CASE WHEN ends.starts IS NULL THEN ends.lacks
                    ELSE least(ends.lacks, ends.starts, greatest(1, floor(1 / ends.apart)))::int END AS many
          FROM ends),
    due AS MATERIALIZED (
        SELECT line.*,
               greatest(line.now + {FAR_SECONDS}, line.later - line.seconds + line.many * line.apart) AS far,
               CASE
               WHEN line.off_times > 0 THEN CASE WHEN line.got > 0 THEN line.now + {PROBE_SECONDS}
                                                 ELSE greatest(line.off_until, line.now) END + random()
               ELSE greatest(
                   CASE WHEN line.is_full THEN greatest(line.booked, line.now) + {NEXT_SECONDS} END,
                   CASE WHEN line.starts IS NOT NULL THEN
                        greatest(line.booked, line.now - line.apart, line.later - line.seconds)
                        + line.many * line.apart END) END AS at
          FROM line),
    noted AS (
        UPDATE millrace_mail_traffic AS kept
           SET holders = known.others || CASE WHEN (due.got > 0 OR due.key = %(kept)s)
                                                   AND due.at_once IS NOT NULL
                         THEN jsonb_build_object(%(mine)s::text, known.now) ELSE '{{}}' END,
               earliest = coalesce(due.later, kept.earliest),
               booked = CASE WHEN due.lacks > 0 AND due.off_times = 0 AND due.at <= due.far
                             THEN due.at ELSE kept.booked END,
               off_until = CASE WHEN due.off_times > 0 AND due.got > 0 THEN due.now + {PROBE_SECONDS}
                                ELSE kept.off_until END,
               at_once = CASE WHEN due.key IS NULL THEN kept.at_once ELSE due.at_once END,
               starts = CASE WHEN due.key IS NULL THEN kept.starts ELSE due.starts END,
               seconds = CASE WHEN due.key IS NULL THEN kept.seconds ELSE due.seconds END
          FROM known LEFT JOIN due ON due.key = known.key
         WHERE kept.key = known.key AND known.is_whole)
    SELECT clock.is_whole, due.key, due.could, due.got, due.many, due.off_times > 0 AND due.got > 0,
           CASE WHEN due.at > due.far AND due.off_times = 0
                THEN due.far - due.now + {FAR_SECONDS} * random() ELSE due.at - due.now END
      FROM clock LEFT JOIN due ON true ORDER BY due.place
"""  # noqa: S608 - constants of ours
PUT_OFF = """
    INSERT INTO millrace_mail_traffic AS known (key, earliest, off_until, off_times, off_why)
    SELECT %(key)s, clock.now, clock.now + %(first)s, 1, %(why)s
      FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS now) AS clock
        ON CONFLICT (key) DO UPDATE
       SET off_times = known.off_times + 1, off_why = excluded.off_why,
           off_until = excluded.earliest
                       + least(%(longest)s, %(first)s * 2.0 ^ least(known.off_times, 20))
     WHERE %(is_probe)s OR known.off_until <= excluded.earliest
"""
LEFT = """
    SELECT off_until - extract(epoch FROM clock_timestamp())::float8 FROM millrace_mail_traffic
     WHERE key = %(key)s
"""
HEARD = """
    UPDATE millrace_mail_traffic SET off_times = 0, off_until = 0, off_why = ''
     WHERE key = %(key)s AND off_times > 0
"""
IDLE = """
    greatest(earliest, booked, off_until) < extract(epoch FROM clock_timestamp()) - %(kept)s
"""
FIND_IDLE = f"SELECT key FROM millrace_mail_traffic WHERE {IDLE} ORDER BY key LIMIT %(limit)s"  # noqa: S608
FORGET = f"DELETE FROM millrace_mail_traffic WHERE key = ANY (%(keys)s) AND {IDLE} RETURNING key"  # noqa: S608
# Queues that only other workers hear, and paused ones, wait for others.
ANYBODY = f"""
    SELECT EXISTS (
        SELECT 1 FROM ({queues_of("(SELECT holder FROM millrace_job WHERE id = %(job)s)")}) AS heard
         WHERE (SELECT true FROM millrace_job WHERE state = 'queued' AND ready AND queue = heard.queue
                 ORDER BY priority DESC, turn, seq LIMIT 1)
           AND NOT EXISTS (SELECT 1 FROM millrace_queue WHERE name = heard.queue AND is_paused))
"""  # noqa: S608 - constants of ours


class Off(StrEnum):
    """Why a key is left alone."""

    ASKED = "asked"
    """The server said so: 421, or too much."""
    AWAY = "away"
    """It does not answer."""


class Hold(NamedTuple):
    """A recipient has to wait: at which key, for how long, and how many may go together then."""

    key: str
    seconds: float
    many: int


class Answer(NamedTuple):
    """What TAKE says of one key."""

    key: str
    could: int
    got: int
    many: int | None
    is_probe: bool
    seconds: float | None

    @property
    def hold(self) -> Hold:
        return Hold(self.key, self.seconds or 0.0, max(1, self.many or 1))


class Traffic:
    """One attempt's part in the traffic."""

    def __init__(self, job: UUID, attempt: int, db: Database) -> None:
        self._job = job
        self._mine = f"{job}:{attempt}"
        self._db = db
        self._placed: set[str] = set()
        """Keys at which this attempt may have a place."""
        self._probing: set[str] = set()
        """Keys that were off, and that it is to try."""
        self._apart: dict[str, float] = {}

    @property
    def account(self) -> str:
        """The key of the account."""
        return account_key()

    @property
    def is_watched(self) -> bool:
        """Whether there is any limit, or anybody asked to be left alone."""
        return bool(configured()) or bool(off_keys(self._db))

    def key_of(self, address: str) -> str:
        """The key of an address's domain."""
        domain = domain_of(address)
        bound = configured().of(domain)
        return bound.key if bound else domain_key(domain)

    @property
    def is_trying(self) -> bool:
        """Whether it tries somebody who asked to be left alone."""
        return bool(self._probing)

    def apart(self, key: str) -> float:
        """How many seconds lie between two at this key in the long run, as far as it was asked about."""
        return self._apart.get(key, 0.0)

    def admit(self, addresses: Sequence[str], *, waited: bool = False) -> list[Hold | None]:
        """For each of a chunk, in order: None if it may go now, and counts as sent; else what it waits for.

        `waited`: they had been told to come again.
        """
        limits, off = configured(), off_keys(self._db)
        if not limits and not off and not self._placed:
            return [None] * len(addresses)
        bounds: dict[str, Bound] = {}
        places: dict[str, list[int]] = {}
        for place, address in enumerate(addresses):
            bound = bound_of(domain_of(address), limits, off)
            bounds.setdefault(bound.key, bound)
            places.setdefault(bound.key, []).append(place)
        through = account_bound(limits, off)
        if not through.key and not any(bounds) and not self._placed:
            return [None] * len(addresses)
        answers = self._take(
            [*bounds.values(), through], [*map(len, places.values()), len(addresses)], waited
        )
        holds: list[Hold | None] = [None] * len(addresses)
        last = answers[-1].hold
        for answer, mine in zip(answers[:-1], places.values(), strict=True):
            for number, place in enumerate(mine):
                if number >= answer.could:
                    holds[place] = answer.hold
                elif number >= answer.got:
                    holds[place] = last
        return holds

    def leave(self) -> None:
        """Give up the places this attempt has; they are anybody's anyway once it is over."""
        if self._placed:
            self._take([], [], waited=False)

    def heard(self, keys: Collection[str]) -> set[str]:
        """These answered as usual: those that had been off, and are no more."""
        back = self._probing & set(keys)
        for key in back:
            self._db.rows(HEARD, {"key": key})
        self._probing -= back
        return back

    def put_off(self, key: str, why: str, cause: Off) -> Hold:
        """Leave it alone for a while, all workers; how long."""
        is_probe = key in self._probing
        self._probing.discard(key)
        return put_off(key, why, cause, is_probe=is_probe, db=self._db)

    @property
    def is_in_the_way(self) -> bool:
        """Whether somebody else's job waits for this worker."""
        return bool(self._db.rows(ANYBODY, {"job": self._job})[0][0])

    @property
    def closes(self) -> bool:
        """Whether a connection that is not used takes somebody's place."""
        limit = configured().account
        return limit is not None and limit.at_once is not None

    def _take(self, bounds: Sequence[Bound], wants: Sequence[int], waited: bool) -> list[Answer]:
        keys = [bound.key for bound in bounds]
        every = sorted({*keys, *self._placed} - {""})
        # As long as a connection is open there is one at the account, whether anything goes over it or not.
        kept = self.account if self.account in self._placed else ""
        asked = {
            "keys": keys, "wants": list(wants), "at_once": [bound.at_once for bound in bounds],
            "starts": [bound.starts for bound in bounds], "seconds": [bound.seconds for bound in bounds],
            "last": len(keys), "all": every, "mine": self._mine, "waited": waited, "kept": kept,
        }  # fmt: skip
        take = partial(self._db.rows, TAKE, asked)
        while not (rows := again_on_deadlock(self._db, take))[0][0]:
            self._db.rows(ENSURE, asked)  # keys that nobody used yet
        answers = [Answer(*row[1:]) for row in rows if row[1] is not None]
        self._apart |= {
            each.key: each.seconds / each.starts for each in bounds if each.starts and each.seconds
        }
        self._placed = {
            bound.key
            for bound, answer in zip(bounds, answers, strict=True)
            if bound.at_once is not None and (answer.got or bound.key == kept)
        }
        self._probing |= {answer.key for answer in answers if answer.is_probe}
        return answers


def put_off(key: str, why: str, cause: Off, *, is_probe: bool = False, db: Database = DJANGO) -> Hold:
    """Leave a key alone: for the first time, or longer than the last time. Who comes late changes nothing."""
    global _calm_until
    first, longest = pauses(key, cause)
    said = {"key": key, "why": storable(without_addresses(why), WHY_CHARACTERS), "is_probe": is_probe}
    db.rows(PUT_OFF, said | {"first": first, "longest": longest})
    _calm_until = 0.0
    return Hold(key, max(0.0, db.rows(LEFT, {"key": key})[0][0]), 1)


def pauses(key: str, cause: Off) -> tuple[float, float]:
    """How long at first, and at most: a domain shorter than the account, silence shorter yet."""
    pause = conf().email_pause_seconds
    if cause is Off.AWAY:
        return pause / 20, pause
    return (pause if key.startswith("account=") else pause / 5), pause * 12


def configured() -> MailLimits:
    """What the settings say; raises ValueError."""
    given = conf()
    return read_limits(given.email_account_limit, given.email_domain_limits)


def account_key() -> str:
    """Which account this installation sends through; it has one, whatever backend speaks to it."""
    user = f"{settings.EMAIL_HOST_USER}@" if settings.EMAIL_HOST_USER else ""
    return f"account={user}{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"


def domain_of(address: str) -> str:
    """Where an address is, as it is compared."""
    return address.rpartition("@")[2].lower()


def bound_of(domain: str, limits: MailLimits, off: Collection[str]) -> Bound:
    """What holds for a domain; no key where nothing does."""
    bound = limits.of(domain)
    if bound is not None:
        return bound
    key = domain_key(domain)
    return Bound(key if key in off else "", None, None, None)


def account_bound(limits: MailLimits, off: Collection[str]) -> Bound:
    """What holds for the account; no key where nothing does."""
    key = account_key()
    if limits.account is not None:
        return limits.account._replace(key=key)
    return Bound(key if key in off else "", None, None, None)


_calm_until = 0.0


def off_keys(db: Database) -> Collection[str]:
    """Who asked to be left alone. That nobody did is believed for a moment: it is what a mail pays for it."""
    global _calm_until
    if time.monotonic() < _calm_until:
        return ()
    found = {row[0] for row in db.rows(OFF)}
    if not found:
        _calm_until = time.monotonic() + CALM_SECONDS
    return found


def idle_traffic(limit: int, *, db: Database = DJANGO) -> list[str]:
    """Keys that nobody has asked about for a day."""
    return [row[0] for row in db.rows(FIND_IDLE, {"limit": limit, "kept": KEPT.total_seconds()})]


def forget_traffic(keys: Collection[str], *, db: Database = DJANGO) -> int:
    """Forget those that are idle still; how many went. Who comes to need one makes it again."""
    return len(db.rows(FORGET, {"keys": list(keys), "kept": KEPT.total_seconds()}))
