"""Case 19: one worker is busy, another sits idle beside it, and one bell is rung."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.bells import ring_through
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, PlainWorker, Plant
from tests.faults.lab import Lab
from tests.rabbitmq import MISSING, RabbitMQ, rabbit_script

JOBS = 20
START_SECONDS = 1.0
PATIENCE_SECONDS = 15.0
"""How long the busy one stays busy, if it has hoarded the bell: then nothing comes of it before."""
ALONE = {"SWEEP_SECONDS": "300", "GATE_SECONDS": "300"}
"""No sweep of a worker helps out: the one bell is all there is. In SQL a job without limits needs no gate."""
DEFAULT_PREFETCH = "--prefetch-multiplier=4"
"""Celery's own default; the plant's other workers have 1."""


def run(size: Size) -> Iterator[Row]:
    """By Redis, then by RabbitMQ, each beside plain Celery on the same broker."""
    with Lab() as lab:
        if size.wants("Redis"):
            yield beside(lab, "Redis", lab.redis.database(0), size)
        if size.wants("RabbitMQ", in_quick=False):
            assert rabbit_script() is not None, MISSING
            rabbit = RabbitMQ(lab.folder / "rabbit")
            lab.closing(rabbit.stop)
            yield beside(lab, "RabbitMQ", rabbit.start().url, size)


def beside(lab: Lab, name: str, url: str, size: Size) -> Row:
    """Single jobs, each with one bell, while the only slot of one of two workers is taken."""
    lab.next_round()
    ring_through(url)
    workers = [lab.worker(slots=1, BROKER_URL=url, **ALONE) for _ in range(2)]
    unheard = 0
    for number in range(size.of(JOBS, 10)):
        # Anew each time: a worker that hoards bells hoards as many as it has slots, and then no more.
        gate = lab.folder / f"gate-{name}-{number}"
        lab.submit("test.once", gate=str(gate))
        lab.running()
        key = lab.submit()
        unheard += not comes(partial(is_done, lab, key), PATIENCE_SECONDS)
        gate.touch()
        lab.drain()
    verdict = lab.judge()
    waits = [
        seconds
        for (seconds,) in lab.sql(
            "SELECT extract(epoch FROM started_at - created_at)::float8 FROM millrace_job"
            " WHERE kind = 'test.ok' AND started_at IS NOT NULL"
        )
    ]
    slowest = max(waits, default=float("inf"))
    late = sum(wait > START_SECONDS for wait in waits)
    for worker in workers:
        worker.stop()
    found = row(
        name, "one worker busy, one idle, one bell at a time and no sweep", verdict,
        control=control(lab, name, url, size), note=f"start after {slowest:.2f} s at the latest",
    )  # fmt: skip
    expect(found, not unheard, f"{unheard} waited for the busy worker")
    return expect(found, slowest <= START_SECONDS, f"started late: {late}, one after {slowest:.2f} s")


def is_done(lab: Lab, key: str) -> bool:
    return lab.state(key) == "succeeded"


def comes(fact: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true in time."""
    until = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def control(lab: Lab, name: str, url: str, size: Size) -> Control | None:
    """Plain Celery with the prefetch of its defaults, and with 1."""
    if size.is_quick:
        return None
    late = {}
    plant = Plant(lab, f"control-{name}")
    where = plant.url if name == "Redis" else url
    for options in ((DEFAULT_PREFETCH,), ()):
        late[options], workers = plain(plant, where, options)
        for worker in workers:
            worker.kill()
    found = plant.verdict(
        f"of {JOBS} tasks {late[(DEFAULT_PREFETCH,)]} waited for the busy worker with its default prefetch"
        f" of 4, {late[()]} with 1"
    )
    plant.redis.kill()
    return found


def plain(plant: Plant, url: str, options: tuple[str, ...]) -> tuple[int, list[PlainWorker]]:
    """How many of the single tasks had not begun after a second."""
    gate = plant.folder / f"gate{len(options)}"
    workers = [plant.worker(*options, slots=1, url=url)]
    (held,) = plant.submit(1, url=url, gate=str(gate))
    plant.lab.eventually(lambda: "received" in workers[0].log.read_text(), what="the first one takes it")
    workers.append(plant.worker(*options, slots=1, url=url))
    late = 0
    for _ in range(JOBS):
        (key,) = plant.submit(1, url=url)
        late += not comes(partial(has_effect, plant, key), START_SECONDS)
    gate.touch()
    plant.lab.eventually(lambda: held in plant.effects.done(), what="the busy one ends")
    plant.drain()
    return late, workers


def has_effect(plant: Plant, key: str) -> bool:
    return plant.effects.effects()[key] > 0


CASE = Case(
    19,
    "A busy worker beside an idle one, one bell",
    "the idle one hears it: start ≤ 1 s, by Redis and by RabbitMQ",
    run,
)
