"""Turn: a job's place in its line, so that a flood by one owner delays nobody else's.

Start-time fair queueing: a job stands behind its owner's newest one by one step (divided by the owner's
weight), but never before the head of the line. So an owner who has nothing waiting comes right behind the
head, and owners who have take turns. Set once, when the job comes into the line; a claim pays nothing.

Turns of an empty line begin at the clock, in microseconds. A step is ten of them: turns only grow as long as
a queue is drained by less than 100,000 jobs a second, and what starts claims from a mark may rely on that.
"""

from __future__ import annotations

from jobs.database import Database

STEP = 10.0
LATEST = 20
"""Among so many of an owner's newest jobs the newest of that line is looked for."""
NOW = "(extract(epoch FROM statement_timestamp() - timestamptz '2026-01-01Z') * 1e6)::float8"
STALE = 1e6
"""How far a floor must lie behind before it is worth writing, in microseconds."""


def step(owner: str) -> str:
    """SQL: how far apart two jobs of this owner stand."""
    weight = f"(SELECT weight FROM millrace_share WHERE owner_id = {owner})"  # noqa: S608
    return f"({STEP} / coalesce({weight}, 1))"


def head(queue: str, priority: str) -> str:
    """SQL: the turn of the first in line; the clock if nobody is. Begins to look at the line's floor."""
    floor = f"(SELECT turn FROM millrace_floor WHERE queue = {queue} AND priority = {priority})"  # noqa: S608
    return f"""coalesce((
        SELECT turn FROM millrace_job
         WHERE state = 'queued' AND ready AND queue = {queue} AND priority = {priority}
           AND turn >= coalesce({floor}, '-infinity')
         ORDER BY turn LIMIT 1), {NOW})"""  # noqa: S608


def turn(queue: str, priority: str, owner: str) -> str:
    """SQL: where a job of this owner comes to stand now. Arguments are expressions of the statement."""
    return f"""greatest({head(queue, priority)}, (
        SELECT max(turn) + {step(owner)} FROM (
            SELECT queue, priority, turn FROM millrace_job
             WHERE owner_id = {owner} ORDER BY id DESC LIMIT {LATEST}) AS latest
         WHERE latest.queue = {queue} AND latest.priority = {priority}))"""  # noqa: S608


def in_turn(chosen: str, order: str) -> str:
    """SQL: the rows of a SELECT (id, queue, priority, owner_id, …), each with the turn it gets."""
    return f"""
        SELECT chosen.id, {turn("chosen.queue", "chosen.priority", "chosen.owner_id")}
               + {step("chosen.owner_id")} * (row_number() OVER mine - 1) AS turn
          FROM ({chosen}) AS chosen
        WINDOW mine AS (PARTITION BY chosen.queue, chosen.priority, chosen.owner_id ORDER BY {order})"""  # noqa: S608


# An old snapshot keeps whatever left a line in its index: looks for the head begin behind it. Only lines that
# somebody joined lately are worth it, so an idle system writes nothing.
RAISE = f"""
    INSERT INTO millrace_floor AS floor (queue, priority, turn)
    SELECT queue, priority, {head("line.queue", "line.priority")}
      FROM (SELECT queue, priority, max(turn) AS turn FROM (
                SELECT queue, priority, turn FROM millrace_job ORDER BY id DESC LIMIT 100) AS newest
             GROUP BY queue, priority) AS line
     WHERE line.turn > coalesce((
           SELECT turn FROM millrace_floor
            WHERE queue = line.queue AND priority = line.priority), '-infinity') + {STALE}
        ON CONFLICT (queue, priority) DO UPDATE SET turn = excluded.turn
     WHERE floor.turn < excluded.turn - {STALE}
"""  # noqa: S608


def raise_floors(db: Database) -> None:
    """Note how far the lines have come."""
    db.rows(RAISE)
