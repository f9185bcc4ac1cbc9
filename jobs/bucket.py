"""So many per minute, spread evenly: a bucket of tokens in Redis that every web process draws from.

One script looks and draws, so two processes never draw the same token. Redis keeps the time. Without Redis
everybody passes: accepting comes first (jobs/rate.py says how long Redis is waited for).
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

from django.core.cache import cache

from jobs.errors import Busy
from jobs.rate import ask, in_words

MINUTE = 60
# A bucket that is full again is forgotten. Redis runs a script alone, by its own clock.
DRAW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local most, per_second, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = tonumber(kept[1]) or most
level = math.min(most, level + (now - (tonumber(kept[2]) or now)) * per_second)
local missing = count - level
if missing <= 0 then
    level = level - count
end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((most - level) / per_second) + 1)
return {tostring(level), tostring(math.max(0, missing) / per_second)}
"""


class Level(NamedTuple):
    """How full a bucket is after a draw."""

    what: str
    per_minute: int
    left: int
    full_in_seconds: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers writes it."""
        return {
            "RateLimit-Policy": f'"{self.what}";q={self.per_minute};w={MINUTE}',
            "RateLimit": f'"{self.what}";r={self.left};t={self.full_in_seconds}',
        }


class Empty(Busy):
    """There is not enough in the bucket; `level` says how much."""

    def __init__(self, message: str, retry_after_seconds: int, level: Level) -> None:
        super().__init__(message, retry_after_seconds)
        self.level = level


def draw(what: str, who: str, *, per_minute: int, count: int = 1) -> Level | None:
    """Take so many out of this person's bucket; None where nobody counts. Raises Empty.

    More than a minute's worth at once is let through by a full bucket, which then is empty.
    """
    if per_minute <= 0:
        return None
    name = hashlib.sha256(f"{what}\x1f{who}".encode()).hexdigest()
    told = ask(_draw, f"bucket:{name}", per_minute, min(count, per_minute))
    if told is None:
        return None
    amount, wait = told
    level = Level(what, per_minute, max(0, math.floor(amount)), wait_for(per_minute - amount, per_minute))
    if wait > 0:
        seconds = max(1, math.ceil(wait))
        raise Empty(
            f"That was more than {per_minute} {what} a minute. Please try again in {in_words(seconds)}.",
            seconds,
            level,
        )
    return level


def wait_for(missing: float, per_minute: int) -> int:
    """How long until so much has flowed in, in seconds."""
    return math.ceil(missing * MINUTE / per_minute)


def _draw(name: str, per_minute: int, count: int) -> tuple[float, float] | None:
    """What is left and how long to wait; None where the cache is none that runs scripts."""
    client: Any = getattr(cache, "_cache", None)
    if not hasattr(client, "get_client"):
        return None
    redis = client.get_client(None, write=True)
    script = redis.register_script(DRAW)
    level, wait = script(keys=[cache.make_key(name)], args=[per_minute, per_minute / MINUTE, count])
    return float(level), float(wait)
