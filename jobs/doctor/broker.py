"""The broker: whether it answers and takes what is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery_app import app
from jobs.broker import is_redis
from jobs.doctor import rabbitmq, redis
from jobs.doctor.examine import first_line
from jobs.doctor.finding import Seen, unknown
from jobs.doctor.mask import bare, mask

CONNECT_SECONDS = 3.0


def look() -> Seen:
    """Whether bells can be rung."""
    begun = time.monotonic()
    try:
        with connected() as connection:
            took = time.monotonic() - begun
            look_at = redis.look_at_broker if is_redis(connection) else rabbitmq.look_at_broker
            return look_at(connection, took)
    except Exception as error:  # noqa: BLE001 - whatever a client library raises, it cannot be reached
        return unreachable(error)


@contextmanager
def connected() -> Iterator[Any]:
    """A connection as every process of ours makes it, tried once."""
    connection = app.connection_for_write(connect_timeout=CONNECT_SECONDS)
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=int(CONNECT_SECONDS))
        yield connection
    finally:
        connection.release()


def unreachable(error: Exception) -> Seen:
    """Nobody there, or nobody who lets us in."""
    connection = app.connection_for_write()
    where = bare(str(connection.as_uri()))
    if "MISCONF" in str(error):  # Redis then refuses the very PING that makes a connection
        cli = redis.command_line(connection.hostname, connection.port)
        return Seen(f"{where} refuses every write", [redis.wrong_disk(cli)])
    return Seen(
        f"{where} cannot be reached",
        [
            unknown(
                "broker.away",
                f"{where} cannot be reached: {mask(first_line(error))}",
                why="Jobs are accepted and kept, and none of them starts until the broker is back.",
                remedy="Start it, or correct BROKER_URL (CELERY_BROKER_URL in a project of your own).",
            )
        ],
    )
