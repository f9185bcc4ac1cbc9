"""Procrastinate: asyncio, PostgreSQL."""

from __future__ import annotations

import os

import procrastinate
import redis.asyncio

PLACE = os.environ["PEERS_DATABASE_URL"]

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=PLACE, min_size=2, max_size=12))
COUNTER = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
CHUNK = 1000


@app.task(name="count")
async def count() -> None:
    """The tiny job."""
    await COUNTER.incr("done")


def fill(jobs: int) -> None:
    """As many jobs, before the workers start."""
    connector = procrastinate.SyncPsycopgConnector(conninfo=PLACE)
    with app.replace_connector(connector) as filling, filling.open():
        if not filling.check_connection():
            filling.schema_manager.apply_schema()
        filling.connector.execute_query("TRUNCATE procrastinate_jobs CASCADE")
        for start in range(0, jobs, CHUNK):
            size = min(CHUNK, jobs - start)
            filling.tasks["count"].batch_defer(*({} for _ in range(size)))
