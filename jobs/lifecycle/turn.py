"""Turn: a job's place in its line, so that a flood by one owner delays nobody else's.

Start-time fair queueing: a job stands behind its owner's newest one by one step (divided by the owner's
weight), but never before the head of the line. So an owner who has nothing waiting comes right behind the
head, and owners who have take turns. Set once, when the job comes into the line; a claim pays nothing.

Turns of an empty line begin at the clock, in microseconds. A step is ten of them: turns only grow as long as
a queue is drained by less than 100,000 jobs a second, and what starts claims from a mark may rely on that.
The look for the head and for the owner's newest are a function of the database: migration 0006 says why.
"""

from __future__ import annotations

from jobs.database import Database

STEP = 10.0
NOW = "(extract(epoch FROM statement_timestamp() - timestamptz '2026-01-01Z') * 1e6)::float8"
STALE = 1e6
"""How far a floor must lie behind before it is worth writing, in microseconds."""


def step(owner: str) -> str:
    """SQL: how far apart two jobs of this owner stand."""
    weight = f"(SELECT weight FROM millrace_share WHERE owner_id = {owner})"  # noqa: S608
    return f"({STEP} / coalesce({weight}, 1))"


def turn(queue: str, priority: str, owner: str) -> str:
    """SQL: where a job of this owner comes to stand now. Arguments are expressions of the statement."""
    return f"millrace_turn({queue}, {priority}, {owner}, {step(owner)})"


def in_turn(chosen: str, order: str) -> str:
    """SQL: the rows of a SELECT (id, queue, priority, owner_id, …), each with the turn it gets.

    Many of one owner in one line stand one behind the other, in that order.
    """
    return f"""
        SELECT each.id, (first_value(turn) OVER mine) + apart * (row_number() OVER mine - 1) AS turn
          FROM (SELECT chosen.*, {step("chosen.owner_id")} AS apart,
                       {turn("chosen.queue", "chosen.priority", "chosen.owner_id")} AS turn
                  FROM ({chosen}) AS chosen) AS each
        WINDOW mine AS (PARTITION BY each.queue, each.priority, each.owner_id ORDER BY {order})"""  # noqa: S608


# An old snapshot keeps whatever left a line in its index: looks for the head begin behind it. Only lines that
# somebody joined lately are worth it, so an idle system writes nothing.
RAISE = f"""
    INSERT INTO millrace_floor AS floor (queue, priority, turn)
    SELECT queue, priority, coalesce((
               SELECT turn FROM millrace_job
                WHERE state = 'queued' AND ready AND queue = line.queue AND priority = line.priority
                  AND turn >= line.floor ORDER BY turn LIMIT 1), {NOW})
      FROM (SELECT queue, priority, max(turn) AS turn, coalesce((
                       SELECT turn FROM millrace_floor
                        WHERE queue = newest.queue AND priority = newest.priority), '-infinity') AS floor
              FROM (SELECT queue, priority, turn FROM millrace_job ORDER BY id DESC LIMIT 100) AS newest
             GROUP BY queue, priority) AS line
     WHERE line.turn > line.floor + {STALE}
        ON CONFLICT (queue, priority) DO UPDATE SET turn = excluded.turn
     WHERE floor.turn < excluded.turn - {STALE}
"""  # noqa: S608


def raise_floors(db: Database) -> None:
    """Note how far the lines have come."""
    db.rows(RAISE)
