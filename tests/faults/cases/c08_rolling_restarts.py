"""Case 8: twenty rolling restarts under load, in every way that deploys stop a worker."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, PlainWorker, Plant
from tests.faults.lab import Lab


class Stops(Protocol):
    """A worker of ours, or a plain one."""

    @property
    def main(self) -> subprocess.Popen[bytes]: ...

    def signal(self, number: signal.Signals) -> None: ...

    def signal_group(self, number: signal.Signals) -> None: ...


RESTARTS = 20
JOBS_BETWEEN = 60
LONG = 3
"""Jobs that run when a worker is stopped, and would not end by themselves before it: more than the other
worker has slots, so that the one that is stopped holds one at least."""
PATIENCE = {"DRAIN_SECONDS": "0.5"}
"""The short grace of a hurried deploy."""


def run(size: Size) -> Iterator[Row]:
    """One way of stopping at a time. Beat stays, as in a deploy: no worker lives long enough to rescue."""
    with Lab() as lab:
        lab.beat()
        for way in WAYS:
            if not size.is_quick or way == "TERM to the group, short grace":
                yield restarts(lab, way, size)


def term(worker: Stops) -> None:
    worker.signal(signal.SIGTERM)


def term_group(worker: Stops) -> None:
    worker.signal_group(signal.SIGTERM)


def quit_(worker: Stops) -> None:
    worker.signal(signal.SIGQUIT)


def kill(worker: Stops) -> None:
    worker.signal_group(signal.SIGKILL)


WAYS: dict[str, Callable[[Stops], None]] = {
    "TERM to the main": term,
    "TERM to the group": term_group,
    "TERM to the group, short grace": term_group,
    "QUIT in the middle of a COMMIT": quit_,
    "KILL to the group": kill,
}


def restarts(lab: Lab, way: str, size: Size) -> Row:
    """Two workers; one after the other is stopped and replaced while the load goes on."""
    lab.next_round()
    is_short, is_kill = "short" in way, "KILL" in way
    environment = PATIENCE if is_short else {}
    slow_commits(lab, is_on="COMMIT" in way)
    workers = [lab.worker(slots=2, **environment) for _ in range(2)]
    for number in range(size.of(RESTARTS, 2)):
        gate = lab.folder / f"gate{number}"
        gate.unlink(missing_ok=True)
        lab.submit_mix(size.of(JOBS_BETWEEN, 12))
        if is_short:
            for _ in range(LONG):
                lab.submit("test.once", gate=str(gate))
            lab.eventually(lambda gate=gate: run_behind(lab, gate) == LONG, what="the long jobs run")
        else:
            lab.eventually(lambda: lab.count("running"), what="something runs")
        stopped = workers.pop(0)
        WAYS[way](stopped)
        lab.struck()
        workers.append(lab.worker(slots=2, **environment))
        lab.eventually(lambda stopped=stopped: stopped.main.poll() is not None, what="the old one ends")
        gate.touch()
    verdict = lab.judge()
    charged = sum(job.failures + job.crashes for job in lab.jobs())
    released = lab.sql("SELECT count(*) FROM millrace_job_event WHERE event = 'released'")[0][0]
    slow_commits(lab, is_on=False)
    for worker in workers:
        worker.stop()
    found = row(
        way, f"{size.of(RESTARTS, 2)} restarts under load", verdict,
        note=f"{released} attempts handed back, {charged} charged",
        control=None if size.is_quick or way not in PLAIN else control(lab, way),
    )  # fmt: skip
    expect(found, is_kill or charged == 0, f"{charged} attempts were charged")
    return expect(
        found, not is_short or released >= size.of(RESTARTS, 2), f"only {released} attempts were handed back"
    )


def run_behind(lab: Lab, gate: Path) -> int:
    """How many of the jobs that wait for this gate run."""
    found = lab.sql(
        "SELECT count(*) FROM millrace_job WHERE state = 'running' AND payload ->> 'gate' = %s", [str(gate)]
    )
    return int(found[0][0])


def slow_commits(lab: Lab, *, is_on: bool) -> None:
    """A deferred trigger sleeps in the COMMIT of every change of state: a signal finds one under way."""
    lab.sql("DROP TRIGGER IF EXISTS slow_commit ON millrace_job")
    if is_on:
        lab.sql(
            "CREATE OR REPLACE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END $$"
        )
        lab.sql(
            "CREATE CONSTRAINT TRIGGER slow_commit AFTER UPDATE ON millrace_job DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION slow_commit()"
        )


PLAIN = {"TERM to the group", "KILL to the group"}


def control(lab: Lab, way: str) -> Control:
    """Plain Celery, stopped in the same way under the same load."""
    plant = Plant(lab, f"control-{way.split()[0]}")
    workers: list[PlainWorker] = [plant.worker() for _ in range(2)]
    for _ in range(RESTARTS // 2):
        plant.submit(JOBS_BETWEEN // 3, seconds=0.05)
        plant.running()
        stopped = workers.pop(0)
        WAYS[way](stopped)
        workers.append(plant.worker())
        lab.eventually(lambda stopped=stopped: stopped.main.poll() is not None, what="the old one ends")
    found = plant.verdict(f"{RESTARTS // 2} restarts")
    for worker in workers:
        worker.kill()
    plant.redis.kill()
    return found


CASE = Case(
    8,
    "Rolling restarts under load",
    "nothing is lost; a job that was handed back is not charged",
    run,
)
