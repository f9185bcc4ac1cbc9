"""Clocks: how far this machine's, each worker's and Beat's are from the database's.

The database's clock rules: leases, due times and everything on a job's page. Ours decides when a schedule
fires, until when a signed link works, and what stands before a line of a log. A difference is told only as
far as it is beyond doubt: the answer was under way for part of the round trip, nobody knows which.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from jobs.database import Database
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.looking import looking
from jobs.doctor.words import sentence, span
from jobs.lifecycle.known import silent_seconds

ROUNDS = 5
SKEW_SECONDS, TOO_MUCH_SECONDS = 2.0, 30.0
"""What is worth a warning, and what a problem."""

ASK = "SELECT extract(epoch FROM clock_timestamp())::float8"
# Told before the statement, stored by it: the clock of the other may only seem late, by as much as it waited.
TOLD = """
    SELECT 'worker ' || name, extract(epoch FROM told_at - beat_at)::float8 FROM millrace_worker
     WHERE told_at IS NOT NULL AND beat_at > clock_timestamp() - make_interval(secs => %(silent)s)
    UNION ALL
    SELECT 'Beat on ' || name, extract(epoch FROM told_at - beat_at)::float8 FROM millrace_beat
     WHERE told_at IS NOT NULL AND beat_at > clock_timestamp() - make_interval(secs => %(silent)s)
"""


class Skew(NamedTuple):
    """How many seconds a clock is ahead of the database's, and how far that may be wrong."""

    who: str
    ahead: float
    bound: float

    @property
    def sure(self) -> float:
        """The part that is beyond doubt."""
        return max(abs(self.ahead) - self.bound, 0.0)


def look() -> Seen:
    """Ours first, then everybody's who announced theirs."""
    with looking() as db:
        ours = measure(db)
        others = [Skew(who, ahead, 0.0) for who, ahead in db.rows(TOLD, {"silent": silent_seconds()})]
    text = sentence(
        [
            f"{abs(ours.ahead) * 1000:.0f} ms {'ahead of' if ours.ahead > 0 else 'behind'} the database"
            f" (± {ours.bound * 1000:.0f} ms)",
            f"others at most {span(max(abs(one.ahead) for one in others))} off" if others else "",
        ]
    )
    return Seen(text, [found for skew in (ours, *others) for found in wrong_clock(skew)])


def measure(db: Database) -> Skew:
    """This process, by the quickest of a few round trips."""
    rounds = []
    for _ in range(ROUNDS):
        sent = time.time()
        [(there,)] = db.rows(ASK)
        back = time.time()
        rounds.append(Skew("This machine", (sent + back) / 2 - there, abs(back - sent) / 2))
    return min(rounds, key=lambda skew: skew.bound)


def wrong_clock(skew: Skew) -> Iterator[Finding]:
    """One clock that is off."""
    if skew.sure < SKEW_SECONDS:
        return
    make = problem if skew.sure >= TOO_MUCH_SECONDS else warning
    yield make(
        "clock.skew",
        f"{skew.who} is {span(abs(skew.ahead))} {'ahead of' if skew.ahead > 0 else 'behind'} the database.",
        why="Jobs go by the database's clock. Schedules fire, links expire and logs are dated by this one.",
        remedy="timedatectl set-ntp true   (on both machines; `chronyc tracking` says whether it works)",
    )
