"""Claim one job after another: `python -m bench.app.claim COUNT` says how long each took and what it read.

With a connection of its own, as a worker has. What was claimed is recorded as a success.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import uuid4

import django

EXPLAINED = 5
QUEUE, KINDS = "bench-one", {"bench.one": 1}


def main(count: str) -> None:
    """Prints the milliseconds of each claim, and the buffers of some."""
    django.setup()
    from jobs.attempt import Outcome
    from jobs.database import OwnDatabase
    from jobs.lifecycle.claim import Asking, claim_jobs
    from jobs.lifecycle.finish import finish_jobs
    from jobs.lifecycle.release import held_by
    from jobs.states import State

    db = OwnDatabase("bench")
    asking = Asking(queue=QUEUE, holder=uuid4(), kinds=KINDS)

    def finish() -> None:
        held = held_by(asking.holder, db=db)
        ended = [Outcome(job=row[0], kind=row[1], attempt=row[2], state=State.SUCCEEDED) for row in held]
        finish_jobs(ended, holder=asking.holder, db=db)

    taken = []
    for _ in range(int(count)):
        began = time.perf_counter()
        claim_jobs(asking, db=db)
        taken.append((time.perf_counter() - began) * 1000)
        finish()
    buffers = []
    for _ in range(EXPLAINED):
        buffers.append(read_by(asking, db))
        finish()
    print(json.dumps({"ms": taken, "buffers": buffers}))


def read_by(asking: Any, db: Any) -> int:
    """How many blocks one claim looked at, in memory or not."""
    move, params = asking.move(None)
    rows = db.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {move.sql}", params)
    plan = rows[0][0][0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


if __name__ == "__main__":
    main(*sys.argv[1:])
