"""Case 18: the broker is swapped from Redis to RabbitMQ while jobs wait and run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from tests.faults.account import Answer
from tests.faults.bells import ring_through
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab
from tests.rabbitmq import MISSING, RabbitMQ, rabbit_script

WAITING = 1_000
RUNNING = 4
SUBMITS = 50
"""By a door, before, between and after its own restart."""


def run(size: Size) -> Iterator[Row]:
    """One worker after the other drains and comes back with the other BROKER_URL; the door first."""
    assert rabbit_script() is not None, MISSING
    with Lab() as lab:
        rabbit = RabbitMQ(lab.folder / "rabbit")
        lab.closing(rabbit.stop)
        rabbit.start()
        yield swap(lab, rabbit)


def swap(lab: Lab, rabbit: RabbitMQ) -> Row:
    """While it lasts, both brokers carry bells, each for its own."""
    gate = lab.folder / "gate"
    workers = [lab.worker() for _ in range(2)]
    door = lab.door()
    lab.submit_many("test.once", RUNNING, gate=str(gate))
    lab.running(RUNNING)
    lab.submit_mix(WAITING)
    answers = [door.submit()[1] for _ in range(SUBMITS)]
    waiting = lab.count("queued")
    door.stop()
    door = lab.door(BROKER_URL=rabbit.url)
    ring_through(rabbit.url)
    answers += [door.submit("test.once")[1] for _ in range(SUBMITS)]
    lab.struck()
    for number, old in enumerate(workers):
        old.signal(signal.SIGTERM)
        gate.touch()
        workers[number] = lab.worker(BROKER_URL=rabbit.url)
        lab.eventually(lambda old=old: old.main.poll() is not None, what="the old worker has drained")
        answers += [door.submit()[1] for _ in range(SUBMITS)]
    codes = [old.main.returncode for old in workers if old.main.returncode is not None]
    with lab.broker() as client:
        client.flushdb()  # nobody listens there any more
    answers += [door.submit()[1] for _ in range(SUBMITS)]
    verdict = lab.judge()
    for worker in workers:
        worker.stop()
    door.stop()
    found = row(
        "Redis to RabbitMQ", f"doors and workers restarted with the other BROKER_URL, {RUNNING} running,"
        f" {waiting:,} waiting", verdict, control=control(lab, rabbit),
    )  # fmt: skip
    expect(found, waiting > 0, "nothing waited")
    expect(found, not codes, f"a new worker ended: {codes}")
    return expect(found, set(answers) == {Answer.OK}, f"the door answered {set(answers)}")


def control(lab: Lab, rabbit: RabbitMQ) -> Control:
    """Messages that are the work stay behind, where nobody listens any more."""
    plant = Plant(lab)
    gate = plant.folder / "gate"
    worker = plant.worker(slots=RUNNING)
    plant.submit(RUNNING, gate=str(gate))
    plant.running(RUNNING)
    plant.submit(WAITING)
    worker.signal(signal.SIGTERM)
    gate.touch()
    worker.main.wait(60)
    after = plant.worker(slots=RUNNING, url=rabbit.url)
    plant.submit(SUBMITS, url=rabbit.url)
    found = plant.verdict("held back in the old broker, to which nobody listens")
    after.kill()
    plant.redis.kill()
    return found


CASE = Case(
    18,
    "Broker swapped from Redis to RabbitMQ under load",
    "nothing is lost",
    run,
    has_quick=False,
)
