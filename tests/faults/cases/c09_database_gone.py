"""Case 9: PostgreSQL's connections are ended again and again; it restarts; it is away longer than a lease."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.lab import Lab
from tests.faults.times import LEASE, RECOVERY

if TYPE_CHECKING:
    from tests.faults.onlooker import Onlooker
    from tests.worker_process import WorkerProcess

EVERY_SECONDS = 3.0
TIMES = 40
"""Every 3 s for 2 min."""
JOBS = 2_000
RUNNING = 4


def run(size: Size) -> Iterator[Row]:
    """Three ways to lose the database."""
    with Lab(is_durable=not size.is_quick) as lab:
        onlooker = lab.onlooker()
        if size.wants("terminate"):
            yield terminate(lab, onlooker, size)
        if size.wants("restart", in_quick=False):
            yield restart(lab, onlooker)
        if size.wants("outage", in_quick=False):
            yield away(lab, onlooker)


def terminate(lab: Lab, onlooker: Onlooker, size: Size) -> Row:
    """Everybody's connections are ended, while a load goes on and some jobs run through all of it."""
    lab.next_round()
    gate = closed_gate(lab)
    workers = [lab.worker(slots=3) for _ in range(2)]
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING)]
    lab.running(RUNNING)
    onlooker.watch(*keys)
    times = size.of(TIMES, 3)
    door = lab.door()
    answers: Counter[Answer] = Counter()
    for _ in range(times):
        lab.submit_mix(size.of(JOBS, 60) // times)
        lab.eventually(lambda: lab.count("succeeded"), what="something runs")
        lab.end_connections()
        lab.struck()
        answers += door.submit_some(10)
        pause(0.3 if size.is_quick else EVERY_SECONDS)
    pause(RECOVERY)  # where a heartbeat is dead, its job is another's by now
    silent = unheard(lab, workers)
    gate.touch()
    verdict = lab.judge()
    for worker in workers:
        worker.stop()
    door.stop()
    found = row(
        f"{times} times", "pg_terminate_backend for every connection", verdict,
        note=f"of {answers.total()} submits {answers[Answer.FAILED]} were rolled back or refused;"
        f" {onlooker.said()}",
    )  # fmt: skip
    expect(found, answers[Answer.FAILED] >= times, f"the door answered {answers}")
    expect(found, not silent, f"workers whose timers did not come back: {silent}")
    return nothing_was_charged(lab, found, keys)


def restart(lab: Lab, onlooker: Onlooker) -> Row:
    """Immediate shutdown: no checkpoint, no good-bye; jobs run meanwhile."""
    lab.next_round()
    gate = closed_gate(lab)
    workers = [lab.worker(slots=RUNNING)]
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING)]
    lab.running(RUNNING)
    onlooker.watch(*keys)
    lab.submit_mix(200)
    lab.kill_postgres()
    lab.postgres.start()
    lab.struck()
    gate.touch()
    verdict = lab.judge()
    silent = unheard(lab, workers)
    for worker in workers:
        worker.stop()
    found = row("restart", "PostgreSQL killed and restarted while jobs run", verdict, note=onlooker.said())
    expect(found, not silent, f"workers whose timers did not come back: {silent}")
    return nothing_was_charged(lab, found, keys)


def away(lab: Lab, onlooker: Onlooker) -> Row:
    """Longer than a lease: afterwards everything looks expired, and nothing is."""
    lab.next_round()
    gate = closed_gate(lab)
    workers = [lab.worker(slots=RUNNING // 2) for _ in range(2)]
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(RUNNING)]
    lab.running(RUNNING)
    onlooker.watch(*keys)
    lab.kill_postgres()
    with onlooker.hears("unready"):
        pause(2 * LEASE)
    lab.postgres.start()
    lab.struck()
    pause(RECOVERY)  # whoever would take a job away has had its time
    silent = unheard(lab, workers)
    gate.touch()
    verdict = lab.judge()
    for worker in workers:
        worker.stop()
    found = row(
        "outage", f"PostgreSQL away for {2 * LEASE:.0f} s, twice a lease, while jobs run", verdict,
        note=onlooker.said(),
    )  # fmt: skip
    expect(found, not silent, f"workers whose timers did not come back: {silent}")
    return nothing_was_charged(lab, found, keys)


def closed_gate(lab: Lab) -> Path:
    """The file for which jobs wait."""
    gate = lab.folder / "gate"
    gate.unlink(missing_ok=True)
    return gate


def unheard(lab: Lab, workers: list[WorkerProcess]) -> list[str]:
    """Workers that do not say any more that they are there: their mains may live, and their timers not."""

    def silent() -> list[str]:
        heard = lab.sql("SELECT name FROM millrace_worker WHERE beat_at > to_timestamp(%s)", [lab.faults[-1]])
        return sorted({worker.name for worker in workers} - {name for (name,) in heard})

    with suppress(AssertionError):  # the row says which
        lab.eventually(lambda: not silent(), 10, "every worker is heard again")
    return silent()


def nothing_was_charged(lab: Lab, found: Row, keys: list[str]) -> Row:
    """No process died: what ran is what it was, and costs nobody an attempt."""
    attempts = {job.key: job.attempt for job in lab.jobs()}
    again = sum(attempts.get(key, 0) > 1 for key in keys)
    expect(found, again == 0, f"{again} of {len(keys)} running jobs were run again")
    return expect(found, lab.charged() == 0, f"{lab.charged()} attempts were charged, though no process died")


def pause(seconds: float) -> None:
    """The fault itself has a length."""
    time.sleep(seconds)


CASE = Case(
    9,
    "PostgreSQL connections ended, PostgreSQL restarted, and away longer than a lease",
    "every loop lives, nothing is lost, running jobs are not run again, pages and `/readyz` say what is true",
    run,
)
