"""What the recipients of one attempt wait for, each at its time, and how the attempt itself waits.

It stays as long as the next time is near and nobody else needs its worker; otherwise its job is handed back,
uncharged, until then.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import timedelta

from jobs.errors import NotYet
from jobs.mail.traffic import Hold
from workers.context import Context
from workers.shared import FLAGS, Drain

LATER = "later"
"""What those wait for whom the server put off: their own time, each."""
MANY = 1000
"""As many as a chunk takes: of those whom an earlier attempt held it is not known how many may go."""
NEAR_SECONDS = 2.0
"""A wait that is longer is not waited for here, …"""
STAY_SECONDS = 30.0
"""… nor are all waits of one attempt together: it has a limit of time."""
TICK_SECONDS = 0.1
"""How often a waiting attempt looks whether it is to stop, …"""
LOOK_SECONDS = 0.5
"""… and whether somebody needs its worker."""
WORTH = 10
"""A job is away so many times longer than it takes to find out where it was, at least."""


class Waits:
    """Keys that recipients wait at: from when on, and how many may be tried then."""

    def __init__(self, due: dict[str, float], *, account: str, spent_seconds: float) -> None:
        now = time.monotonic()
        self._account = account
        # Who waited for an account that is ours no more waits no longer.
        self._due = {
            key: (now if key.startswith("account=") and key != account else now + seconds, MANY)
            for key, seconds in due.items()
        }
        self._stayed = 0.0
        self._least_seconds = WORTH * spent_seconds

    def __bool__(self) -> bool:
        return bool(self._due)

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def is_only(self, key: str) -> bool:
        """Whether nobody waits for anything but this."""
        return not self._due.keys() - {key}

    def add(self, hold: Hold) -> None:
        """Somebody waits for this from now on."""
        self.put(hold.key, hold.seconds, hold.many)

    def put(self, key: str, seconds: float | None, many: int = 1) -> None:
        """The next of those who wait for it may go in so many seconds; None = nobody waits any more."""
        if seconds is None:
            self._due.pop(key, None)
        else:
            self._due[key] = (time.monotonic() + seconds, many)

    def call(self, key: str, many: int) -> None:
        """Its time has come early."""
        if key in self._due:
            self._due[key] = (time.monotonic(), many)

    def hold(self, key: str) -> Hold | None:
        """How long who needs it has to wait; None if nobody does so far, or its time has come."""
        at, many = self._due.get(key, (0.0, 0))
        left = at - time.monotonic()
        return Hold(key, left, many) if left > 0 else None

    def due(self) -> tuple[str, int] | None:
        """Whose time has come, and how many of them may be tried; None if nobody's."""
        key, at, many = self._next()
        return (key, many) if at <= time.monotonic() else None

    def wait(self, context: Context) -> None:
        """Until the next time has come; raises NotYet if that is too long, and Cancelled."""
        key, at, _ = self._next()
        looked_at = -LOOK_SECONDS
        while (left := at - time.monotonic()) > 0:
            context.check()
            is_long = left > NEAR_SECONDS or self._stayed > STAY_SECONDS or FLAGS.drain is not Drain.NONE
            if not is_long and time.monotonic() - looked_at >= LOOK_SECONDS:
                looked_at = time.monotonic()
                is_long = context.mailing.traffic.is_in_the_way
            if is_long:
                raise self.not_yet(key, left)
            pause = min(left, TICK_SECONDS)
            self._stayed += pause
            threading.Event().wait(pause)

    def first_not_yet(self) -> NotYet:
        """The job goes on when the next time has come."""
        key, at, _ = self._next()
        return self.not_yet(key, max(0.0, at - time.monotonic()))

    def _next(self) -> tuple[str, float, int]:
        """Who is first, and when: the account, as long as it is waited for, for everybody needs it."""
        now = time.monotonic()
        at, many = self._due.get(self._account, (0.0, 0))
        if at > now:
            return self._account, at, many
        key, (at, many) = min(self._due.items(), key=lambda item: item[1], default=("", (math.inf, 0)))
        return key, at, many

    def not_yet(self, key: str, seconds: float) -> NotYet:
        """The job goes on then."""
        return NotYet(f"Mail waits for {key}.", again_in=timedelta(seconds=max(seconds, self._least_seconds)))
