"""Case 4: a job that kills its own process, then its main; alone, and as the third of a batch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobs.states import State
from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

BATCH = 10
THIRD = 2
PRIMING = 40
PRIMED = 20
"""Jobs of each child: after so many its pace has forgotten how slow the first was."""
CONTROL_SECONDS = 12.0


def run(size: Size) -> Iterator[Row]:
    """The poison kills the child, or the main; it stands alone, or among others."""
    with Lab() as lab:
        for do, who in (("kill", "child"), ("kill_main", "main")):
            for count in (1, BATCH):
                if size.wants(f"{who}, {count}", in_quick=(do, count) == ("kill", BATCH)):
                    yield poison(lab, do, who, count, size)


def poison(lab: Lab, do: str, who: str, count: int, size: Size) -> Row:
    """Whatever dies is started again, as a supervisor does; where mains die, there are two."""
    lab.next_round()
    kind = "test.batch_fault" if count > 1 else "test.fault"

    def start() -> WorkerProcess:
        worker = lab.worker(slots=2)
        if count > 1:
            prime(lab, kind, worker)
        return worker

    workers = [start() for _ in range(2 if do == "kill_main" else 1)]
    lab.drain()
    keys = submit(lab, kind, do, count)
    bad = keys[THIRD if count > 1 else 0]

    def start_again() -> None:
        for place, worker in enumerate(workers):
            if worker.main.poll() is not None:
                worker.stop()
                workers[place] = start()

    lab.drain(meanwhile=start_again)
    lab.faults += deaths(lab, bad)
    verdict = lab.judge()
    states = {key: lab.sql(STATE, [key])[0] for key in keys}
    stood_beside = sum(job.uncharged for job in lab.jobs() if job.key != bad)
    for worker in workers:
        worker.stop()
    found = row(
        "alone" if count == 1 else f"the third of {count}", f"the job SIGKILLs its {who} each time", verdict,
        control=control(lab, do) if count == 1 and not size.is_quick else None,
        note=f"ended as {states[bad][1]} after {states[bad][2]} deaths",
    )  # fmt: skip
    expect(found, states[bad][:2] == ("failed", "crash_budget"), f"the poison ended as {states[bad]}")
    expect(found, count == 1 or stood_beside > 0, "the poison was claimed alone: the case proves nothing")
    others = [states[key] for key in keys if key != bad]
    return expect(found, all(state == "succeeded" for state, *_ in others), f"siblings: {others}")


def prime(lab: Lab, kind: str, worker: WorkerProcess) -> None:
    """Before anything else it does some of the kind: its children know the pace, and claim batches."""

    def is_primed() -> bool:
        done = Counter(int(line[3]) for line in lab.effects.lines())
        if all(done[child] >= PRIMED for child in worker.children):
            return True
        if not lab.count("queued") + lab.count("running"):
            lab.submit_many(kind, PRIMING, priority=10)
        return False

    lab.eventually(is_primed, 60, "every child has done some")


def deaths(lab: Lab, key: str) -> list[float]:
    """When its process died: as soon as it had begun."""
    (job,) = lab.sql("SELECT id FROM millrace_job WHERE payload ->> 'key' = %s", [key])[0]
    return [change.at for change in lab.changes() if change.job == job and change.after == State.RUNNING]


STATE = "SELECT state, code, crashes FROM millrace_job WHERE payload ->> 'key' = %s"


def submit(lab: Lab, kind: str, do: str, count: int) -> list[str]:
    """One transaction, so that they stand in one line: the third is the poison."""
    from jobs.lifecycle.submit_many import submit_many

    keys, begun = [lab.key() for _ in range(count)], time.monotonic()
    bad = THIRD if count > 1 else 0
    payloads = [lab.payload(key, do=do if place == bad else "ok") for place, key in enumerate(keys)]
    submit_many(kind, payloads, owner=lab.owner)
    lab.account.note_many(keys, Answer.OK, time.monotonic() - begun)
    return keys


def control(lab: Lab, do: str) -> Control:
    """Plain Celery gives such a task to the next process, again and again."""
    plant = Plant(lab, f"control-{do}")
    workers = [plant.worker(slots=1)]
    (key,) = plant.submit(1, do=f"{do}@after", once="")
    until = time.monotonic() + CONTROL_SECONDS
    while time.monotonic() < until:
        if workers[-1].main.poll() is not None:
            workers.append(plant.worker(slots=1))
        time.sleep(0.1)
    runs = plant.effects.effects()[key]
    for worker in workers:
        worker.kill()
    plant.redis.kill()
    return Control(1, 0, int(runs > 1), int(runs <= 1), note=f"{runs} runs in {CONTROL_SECONDS:.0f} s")


CASE = Case(
    4,
    "A job that kills its worker every time",
    "it fails with `crash_budget`, and every sibling succeeds",
    run,
)
