"""So many per address and window: counted in the cache, which every web process shares.

Without the cache nobody is refused: a front that is open a little too wide is better than one that is shut.
The cache is asked from a thread of its own, so that one that hangs costs a request at most PATIENCE_SECONDS,
and nothing at all for a while after that.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from jobs.errors import Busy

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE_SECONDS = 0.8
REST_SECONDS = 5.0
NEIGHBOURS = 64
"""The bits of an IPv6 address that one household or server gets as a whole."""

clock = time.time
_asking = ThreadPoolExecutor(max_workers=2, thread_name_prefix="rate")
_rest_until = 0.0


def take(what: str, who: str, *, limit: int, seconds: int) -> None:
    """Count one; raises Busy when this was more than `limit` in the window of so many seconds."""
    now = clock()
    window = int(now // seconds)
    name = hashlib.sha256(f"{what}\x1f{who}\x1f{window}".encode()).hexdigest()
    if (ask(_add_one, f"rate:{name}", seconds) or 0) > limit:
        left = int((window + 1) * seconds - now) + 1
        raise Busy(f"That was too often from here. Please try again in {in_words(left)}.", left)


def ask(question: Callable[..., T], *given: Any) -> T | None:
    """What the cache says; None if it does not say it in time, and for a while after that."""
    global _rest_until
    if time.monotonic() < _rest_until:
        return None
    try:
        return _asking.submit(question, *given).result(PATIENCE_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever the cache's client raises when its server is away
        _rest_until = time.monotonic() + REST_SECONDS
        log.warning("rate_limit_open", extra={"error": repr(error)})
        return None


def address_of(request: HttpRequest) -> str:
    """Where a request came from: the last address that a proxy of ours vouches for."""
    proxies = int(getattr(settings, "TRUSTED_PROXIES", 0))
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(told) >= proxies:
        return neighbourhood(told[-proxies])
    return neighbourhood(request.META.get("REMOTE_ADDR") or "unknown")


def neighbourhood(address: str) -> str:
    """An IPv4 address; of an IPv6 address the part that one customer shares."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> NEIGHBOURS << NEIGHBOURS))
    return str(parsed)


def in_words(seconds: int) -> str:
    """A wait for people."""
    if seconds < 90:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    return f"{round(seconds / 60)} minutes"


def _add_one(name: str, seconds: int) -> int:
    """`add` keeps the time to live of a count that is there; both steps are atomic."""
    cache.add(name, 0, timeout=2 * seconds)
    return cache.incr(name)
