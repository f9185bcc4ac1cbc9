"""Case 2: a worker is frozen past its lease, another finishes its jobs, and it wakes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

POINTS = ("effect.before", "effect.after", "finish.before")
LEARNED = ("outcome_dropped", "attempt_stopped", "lease_lost")
"""What a worker logs that finds its job in other hands."""
BETWEEN = "finish.before, the next attempt running"
JOBS = 30
VISIBILITY = 3.0
"""Seconds after which plain Celery's broker takes a message back: its only cure for a worker that is gone."""


def run(size: Size) -> Iterator[Row]:
    """A child stops itself at each point; then a whole worker is stopped from outside."""
    with Lab() as lab:
        for point in POINTS:
            if size.wants(point, in_quick=False):
                yield freeze_child(lab, point, size)
        if size.wants(BETWEEN):
            yield wake_in_between(lab)
        if size.wants("whole worker", in_quick=False):
            yield freeze_worker(lab)


def freeze_child(lab: Lab, point: str, size: Size) -> Row:
    """Until its job is another's and done, then it goes on where it was."""
    lab.next_round()
    workers = [lab.worker(slots=1, FAILPOINT=f"{point}:stop") for _ in range(2)]
    key = lab.submit("test.once")
    pid = lab.reached(point)
    frozen = next(worker for worker in workers if pid in worker.children)
    lab.submit_mix(size.of(JOBS, 6))
    lab.eventually(lambda: lab.state(key) == "succeeded", what="the other worker finishes it")
    os.kill(pid, signal.SIGCONT)
    lab.eventually(lambda: any(word in text(frozen) for word in LEARNED), what="it learns")
    verdict = lab.judge()
    lab.eventually(lambda: is_idle(lab), what="nothing is held any more")
    dropped = "outcome_dropped" in text(frozen)
    for worker in workers:
        worker.stop()
    found = row(
        point, "SIGSTOP to the child past its lease, then SIGCONT", verdict,
        note="late finish refused" if dropped else "attempt stopped at the ledger's fence",
        control=None if size.is_quick or point != "effect.after" else control(lab),
    )  # fmt: skip
    return expect(found, dropped or point != "finish.before", "the late finish was not refused")


def wake_in_between(lab: Lab) -> Row:
    """It wakes with its outcome in hand while the next attempt runs: the state alone would let it in."""
    lab.next_round()
    gate = lab.folder / "between"
    gate.touch()
    workers = [lab.worker(slots=1, FAILPOINT="finish.before:stop") for _ in range(2)]
    key = lab.submit("test.once", gate=str(gate))
    pid = lab.reached("finish.before")
    gate.unlink()
    frozen = next(worker for worker in workers if pid in worker.children)
    lab.eventually(lambda: attempt(lab, key) == ("running", 2), what="the next attempt runs")
    os.kill(pid, signal.SIGCONT)
    lab.eventually(lambda: "outcome_dropped" in text(frozen) or lab.state(key) != "running", what="it tells")
    was_let_in = lab.state(key) != "running"
    gate.touch()
    verdict = lab.judge()
    for worker in workers:
        worker.stop()
    found = row(BETWEEN, "SIGSTOP past the lease, then SIGCONT", verdict)
    return expect(found, not was_let_in, "the late finish was accepted for another's attempt")


def attempt(lab: Lab, key: str) -> tuple[str, int]:
    """State and number."""
    (found,) = lab.sql("SELECT state, attempt FROM millrace_job WHERE payload ->> 'key' = %s", [key])
    return found


def freeze_worker(lab: Lab) -> Row:
    """Main and children, as a host that swaps or a virtual machine that is moved."""
    lab.next_round()
    gate = lab.folder / "frozen"
    gate.unlink(missing_ok=True)
    frozen = lab.worker(slots=2)
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(2)]
    lab.running(2)
    holders = lab.sql("SELECT holder FROM millrace_job WHERE state = 'running'")
    other = lab.worker(slots=2)
    frozen.signal_group(signal.SIGSTOP)
    lab.struck()
    lab.eventually(lambda: not held(lab, [row[0] for row in holders]), what="the leases ran out")
    gate.touch()
    lab.submit_mix(JOBS)
    lab.eventually(lambda: all(lab.state(key) == "succeeded" for key in keys), what="the other one finishes")
    frozen.signal_group(signal.SIGCONT)
    verdict = lab.judge()
    # It is of use again: the other one ends, and the next jobs are its.
    other.stop()
    lab.submit_mix(6)
    verdict_after = lab.judge()
    frozen.stop()
    found = row("whole worker", "SIGSTOP to main and children past the lease, then SIGCONT", verdict)
    return expect(found, not verdict_after.violations, f"afterwards: {verdict_after.violations}")


def control(lab: Lab) -> Control:
    """Plain Celery, with a visibility timeout shorter than the freeze."""
    plant = Plant(lab, "control-frozen")
    frozen = plant.worker(slots=1, visibility=VISIBILITY)
    (key,) = plant.submit(1, do="stop@after")
    lab.eventually((plant.once / "stop").exists, what="its child froze")
    os.killpg(frozen.main.pid, signal.SIGSTOP)  # its main would go on telling the broker that it is there
    other = plant.worker(slots=1, visibility=VISIBILITY)
    lab.eventually(lambda: plant.effects.effects()[key] > 1, 240, "it ran again")
    os.killpg(frozen.main.pid, signal.SIGCONT)
    found = plant.verdict("no fence: both runs count")
    for worker in (frozen, other):
        worker.kill()
    plant.redis.kill()
    return found


def held(lab: Lab, holders: list[UUID]) -> bool:
    """Whether any of them still holds a job."""
    found = lab.sql("SELECT count(*) FROM millrace_job WHERE holder = ANY (%s)", [holders])
    return bool(found[0][0])


def is_idle(lab: Lab) -> bool:
    return not lab.sql("SELECT 1 FROM millrace_job WHERE holder IS NOT NULL")


def text(worker: WorkerProcess) -> str:
    return worker.log.read_text()


CASE = Case(
    2,
    "A frozen worker wakes after its lease",
    "its late finish is refused; one effect",
    run,
)
