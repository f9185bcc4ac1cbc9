"""Case 9: PostgreSQL's connections are ended again and again; it restarts; it is away longer than a lease."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.lab import Lab
from tests.faults.times import LEASE, RECOVERY

EVERY_SECONDS = 3.0
TIMES = 40
"""Every 3 s for 2 min."""
JOBS = 2_000
RUNNING = 4


def run(size: Size) -> Iterator[Row]:
    """Three ways to lose the database."""
    with Lab(is_durable=not size.is_quick) as lab:
        yield terminate(lab, size)
        if not size.is_quick:
            yield restart(lab)
            yield away(lab)


def terminate(lab: Lab, size: Size) -> Row:
    """Every connection of a worker is ended, while a load goes on."""
    lab.next_round()
    workers = [lab.worker(slots=2) for _ in range(2)]
    times = size.of(TIMES, 3)
    for _ in range(times):
        lab.submit_mix(size.of(JOBS, 60) // times)
        lab.eventually(lambda: lab.count("running", "succeeded"), what="something runs")
        lab.sql(END)
        lab.struck()
        pause(0.3 if size.is_quick else EVERY_SECONDS)
    lab.drain()
    verdict = lab.judge()
    alive = [worker.main.poll() is None for worker in workers]
    for worker in workers:
        worker.stop()
    found = row(f"{times} times", "pg_terminate_backend for every connection of the workers", verdict)
    return expect(found, all(alive), f"mains alive: {alive}")


END = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name LIKE 'millrace%%' AND pid <> pg_backend_pid()
"""


def restart(lab: Lab) -> Row:
    """Immediate shutdown: no checkpoint, no good-bye; jobs run meanwhile."""
    lab.next_round()
    gate = lab.folder / "gate"
    gate.unlink(missing_ok=True)
    worker = lab.worker(slots=RUNNING)
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING)]
    lab.running(RUNNING)
    lab.submit_mix(200)
    lab.kill_postgres()
    lab.postgres.start()
    lab.struck()
    gate.touch()
    verdict = lab.judge()
    attempts = {job.key: job.attempt for job in lab.jobs()}
    worker.stop()
    found = row("restart", "PostgreSQL killed and restarted while jobs run", verdict)
    return expect(found, all(attempts[key] == 1 for key in keys), "running jobs ran again")


def away(lab: Lab) -> Row:
    """Longer than a lease: afterwards everything looks expired, and nothing is."""
    lab.next_round()
    gate = lab.folder / "gate"
    gate.unlink(missing_ok=True)
    workers = [lab.worker(slots=RUNNING // 2) for _ in range(2)]
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING)]
    lab.running(RUNNING)
    lab.kill_postgres()
    pause(2 * LEASE)
    lab.postgres.start()
    lab.struck()
    rescued_at = time.monotonic() + RECOVERY
    while time.monotonic() < rescued_at:  # whoever would take a job away has had its time
        pause(0.1)
    gate.touch()
    verdict = lab.judge()
    attempts = {job.key: job.attempt for job in lab.jobs()}
    for worker in workers:
        worker.stop()
    found = row("outage", f"PostgreSQL away for {2 * LEASE:.0f} s, twice a lease, while jobs run", verdict)
    again = sum(attempts[key] > 1 for key in keys)
    return expect(found, again == 0, f"{again} of {RUNNING} running jobs were run again")


def pause(seconds: float) -> None:
    """The fault itself has a length."""
    time.sleep(seconds)


CASE = Case(
    9,
    "PostgreSQL connections ended, PostgreSQL restarted, and away longer than a lease",
    "every loop lives, nothing is lost, running jobs are not run again",
    run,
)
