"""What the system did in a period: counted in the database, by kind and by step of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from jobs.database import DJANGO, Database
from jobs.states import State

ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
STEPS = ("minute", "hour", "day", "month")
# Ids grow with time, so the primary key finds new rows; a producer's clock may be this far off.
CLOCK_TOLERANCE = timedelta(hours=1)

CLOCK = "SELECT at, at AT TIME ZONE %(zone)s FROM (SELECT clock_timestamp() AS at) AS clock"
# Only a first attempt's start tells how long a job waited; later ones began after a failure.
ENDS = """
SELECT kind, state, date_trunc(%(step)s, finished_at AT TIME ZONE %(zone)s) AS at, count(*),
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
           ORDER BY extract(epoch FROM started_at - greatest(created_at, run_at))) FILTER (WHERE attempt = 1),
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
FROM millrace_job
WHERE finished_at >= %(since)s AND finished_at < %(until)s
GROUP BY GROUPING SETS ((kind, state, at), (kind, state), (kind), (state), ())
ORDER BY at, kind, state
"""
ARRIVALS = """
SELECT kind, count(*) FROM millrace_job
WHERE id >= %(first)s AND created_at >= %(since)s AND created_at < %(until)s GROUP BY ROLLUP (kind)
"""
# Each part is what one partial index of the table holds, so that finished jobs are never walked.
OPEN = """
SELECT (SELECT count(*) FROM millrace_job WHERE state = 'queued' AND ready)
     + (SELECT count(*) FROM millrace_job WHERE state = 'queued' AND NOT ready AND held_by IS NULL)
     + (SELECT count(*) FROM millrace_job WHERE held_by IS NOT NULL)
     + (SELECT count(*) FROM millrace_job WHERE state IN ('scheduled', 'retrying')),
       (SELECT count(*) FROM millrace_job WHERE lease IS NOT NULL)
"""
TIMES = """
SELECT generate_series(date_trunc(%(step)s, %(since)s AT TIME ZONE %(zone)s),
                       %(until)s AT TIME ZONE %(zone)s, ('1 ' || %(step)s)::interval)
"""


class Spread(NamedTuple):
    """Half of them took at most this long, and nineteen in twenty; seconds, None if there were none."""

    half: float | None = None
    most: float | None = None


NO_SPREAD = Spread()


@dataclass(frozen=True)
class Ended:
    """How many jobs ended so, and how long they waited and ran."""

    jobs: int = 0
    wait: Spread = NO_SPREAD
    run: Spread = NO_SPREAD


@dataclass(frozen=True)
class OfKind:
    """One kind's part. `ended` is all its ends together, `by_state` each apart."""

    kind: str
    submitted: int
    ended: Ended
    by_state: Mapping[State, int]


@dataclass(frozen=True)
class Activity:
    """One period. Times are local to `zone`, without it; `steps` names every step, also the empty ones."""

    since: datetime
    until: datetime
    zone: str
    step: str
    submitted: int
    waiting: int
    running: int
    ended: Ended
    by_state: Mapping[State, int]
    kinds: list[OfKind]
    steps: list[datetime]
    by_step: Mapping[tuple[datetime, str, State], Ended]


def activity(period: timedelta, *, step: str, zone: str, db: Database = DJANGO) -> Activity:
    """What happened in the period that ends now, by the database's clock."""
    if step not in STEPS:
        raise ValueError(f"step={step!r} must be one of {', '.join(STEPS)}")
    [(until, local_until)] = db.rows(CLOCK, {"zone": zone})
    asked = {"since": until - period, "until": until, "step": step, "zone": zone}
    ends = {tuple(row[:3]): _ended(row) for row in db.rows(ENDS, asked)}
    first = _smallest_id(until - period - CLOCK_TOLERANCE)
    arrivals: dict[str | None, int] = dict(db.rows(ARRIVALS, {**asked, "first": first}))
    [(waiting, running)] = db.rows(OPEN)
    names = sorted({row[0] for row in ends if row[0]} | {name for name in arrivals if name})
    return Activity(
        since=local_until - period,
        until=local_until,
        zone=zone,
        step=step,
        submitted=arrivals.get(None, 0),
        waiting=waiting,
        running=running,
        ended=ends.get((None, None, None), Ended()),
        by_state=_by_state(ends, None),
        kinds=[
            OfKind(name, arrivals.get(name, 0), ends.get((name, None, None), Ended()), _by_state(ends, name))
            for name in names
        ],
        steps=[at for (at,) in db.rows(TIMES, asked)],
        by_step={(at, kind, State(state)): end for (kind, state, at), end in ends.items() if at},
    )


def _by_state(ends: Mapping[tuple[Any, ...], Ended], kind: str | None) -> dict[State, int]:
    return {state: ends.get((kind, state.value, None), Ended()).jobs for state in ENDED}


def _ended(row: tuple[Any, ...]) -> Ended:
    wait, run = (Spread(*map(float, found)) if found else Spread() for found in row[4:6])
    return Ended(row[3], wait, run)


def _smallest_id(moment: datetime) -> UUID:
    """The first UUIDv7 of that millisecond: 48 bits of time lead it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
