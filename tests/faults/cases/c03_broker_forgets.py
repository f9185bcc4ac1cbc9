"""Case 3: Redis forgets everything, with thousands of jobs queued and some running."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

QUEUED = 5_000
RUNNING = 20
DOOR = 50
"""Submits afterwards, one in ten rolled back."""
BELLS_A_SECOND = 200
"""More than that, for as long as the system drains, would be a flood: each process rings a queue every 20 ms
at most."""


def run(size: Size) -> Iterator[Row]:
    """FLUSHALL, then a kill of a Redis that keeps nothing."""
    with Lab() as lab:
        if size.wants("FLUSHALL"):
            yield forget(lab, "FLUSHALL", lambda: flush(lab), size)
        if size.wants("kill -9", in_quick=False):
            yield forget(lab, "kill -9, restarted empty", lambda: restart(lab), size)


def forget(lab: Lab, injected: str, act: Callable[[], object], size: Size) -> Row:
    """Jobs wait and run, Redis forgets, and nobody rings for what waits."""
    lab.next_round()
    gate = lab.folder / "gate"
    gate.unlink(missing_ok=True)
    running, queued = size.of(RUNNING, 4), size.of(QUEUED, 200)
    workers = [lab.worker(slots=size.of(10, 2)) for _ in range(2)]
    door = lab.door()
    for _ in range(running):
        lab.submit("test.once", gate=str(gate))
    lab.running(running)
    lab.submit_mix(queued)
    act()
    lab.struck()
    answers = door.submit_some(size.of(DOOR, 10))
    gate.touch()
    verdict = lab.judge()
    seconds = max(change.at for change in lab.changes()) - lab.faults[0]
    bells = rung(lab)
    for worker in workers:
        worker.stop()
    door.stop()
    found = row(
        f"{running} running", f"{injected} with {queued:,} queued", verdict,
        control=None if size.is_quick else control(lab, injected),
        note=f"{bells} bells in {seconds:.0f} s, {answers[Answer.FAILED]} submits rolled back",
    )  # fmt: skip
    expect(found, set(answers) == {Answer.OK, Answer.FAILED}, f"the door answered {answers}")
    return expect(found, bells < BELLS_A_SECOND * max(seconds, 1) + 100, f"a flood of {bells} bells")


def flush(lab: Lab) -> None:
    with lab.broker() as broker:
        broker.flushall()
        broker.config_resetstat()


def restart(lab: Lab) -> None:
    lab.redis.kill()
    lab.redis.start()


def rung(lab: Lab) -> int:
    """How many messages were put into lists since Redis forgot."""
    with lab.broker() as broker:
        counted = broker.info("commandstats")
    return int(counted.get("cmdstat_lpush", {}).get("calls", 0))


def control(lab: Lab, injected: str) -> Control:
    """Plain Celery with the same load."""
    plant = Plant(lab, f"control-{len(injected)}")
    gate = plant.folder / "gate"
    worker = plant.worker(slots=RUNNING)
    plant.submit(RUNNING, gate=str(gate))
    plant.running(RUNNING)
    plant.submit(QUEUED)
    if injected == "FLUSHALL":
        import redis

        with redis.Redis(port=plant.redis.port) as broker:
            broker.flushall()
    else:
        plant.redis.kill()
        plant.redis.start()
    gate.touch()
    found = plant.verdict()
    worker.kill()
    plant.redis.kill()
    return found


CASE = Case(3, "Redis forgets everything", "nothing is lost; bells, not floods", run)
