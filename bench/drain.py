"""How fast two worker processes drain tiny jobs: Millrace one at a time and in batches, beside stock Celery.

Run by `make bench`. Servers of its own (PostgreSQL with fsync on), interleaved rounds, medians, one JSON
line a measure. A tiny job increments a counter in Redis; the clock runs from the first increment to the last.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from core.embedded.postgres import Postgres
from core.embedded.redis import Redis

ROOT = Path(__file__).resolve().parent.parent

ARMS = ("millrace_1", "millrace_100", "celery")
PATIENCE_SECONDS = 300


def main() -> None:
    """Measure every arm in every round, and print medians and ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="millrace-bench-")))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        redis = stack.enter_context(Redis(folder / "redis"))
        os.environ |= {
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": postgres.url,
            "BROKER_URL": redis.database(0),
            "REDIS_URL": redis.database(1),
            "EXTRA_APPS": "bench.app",
            "DJANGO_SETTINGS_MODULE": "core.settings",
            "LOG_LEVEL": "WARNING",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        measure(asked.jobs, asked.rounds)


def measure(jobs: int, rounds: int) -> None:
    """Interleave the arms, so that a noisy neighbour disturbs all of them alike."""
    import django

    django.setup()
    rates: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for number in range(rounds):
        for arm in ARMS:
            rate = drain(arm, jobs)
            rates[arm].append(rate)
            print(f"round {number + 1}/{rounds}  {arm:<13} {rate:8,.0f} jobs/s", file=sys.stderr, flush=True)
    peer = statistics.median(rates["celery"])
    for arm in ARMS:
        value = statistics.median(rates[arm])
        line = {
            "measure": arm, "value": round(value), "unit": "jobs/s",
            "peer": "celery", "peer_value": round(peer),
            "ratio": round(value / peer, 2), "spread": [round(min(rates[arm])), round(max(rates[arm]))],
            "rounds": rounds, "jobs": jobs,
        }  # fmt: skip
        print(json.dumps(line))


def drain(arm: str, jobs: int) -> float:
    """Fill the line, start a worker with two processes, and time the jobs it does."""
    import redis

    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.flushall()
    fill(arm, jobs)
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-c", "2", "--loglevel=WARNING",
               "--without-mingle", "--without-gossip", "-n", f"{arm}@bench"]  # fmt: skip
    if arm == "celery":
        command = [sys.executable, "-m", "celery", "-A", "bench.stock", *command[5:]]
    worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        return time_counter(client, jobs)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)


def time_counter(client: object, jobs: int) -> float:
    """Jobs per second between a tenth and the last, so that start-up does not count."""
    until = time.monotonic() + PATIENCE_SECONDS
    first_at, first = 0.0, 0
    while time.monotonic() < until:
        done = int(client.get("done") or 0)  # type: ignore[attr-defined]
        if not first and done >= jobs // 10:
            first_at, first = time.monotonic(), done
        if done >= jobs:
            return (done - first) / (time.monotonic() - first_at)
        threading.Event().wait(0.005)
    raise SystemExit(f"{done} of {jobs} jobs were done in {PATIENCE_SECONDS} s")


def fill(arm: str, jobs: int) -> None:
    """Jobs, or messages, before the worker starts."""
    if arm == "celery":
        from bench.stock import count

        for _ in range(jobs):
            count.apply_async(ignore_result=True)
        return
    from django.db import connection

    from jobs.lifecycle.submit_many import submit_many
    from jobs.owners import service_user

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE millrace_job CASCADE")
    submit_many(f"bench.{arm}", ({} for _ in range(jobs)), owner=service_user("bench"))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE millrace_job")


if __name__ == "__main__":
    main()
