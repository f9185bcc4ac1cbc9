"""Case 13: Redis answers, and refuses: its disk is full, it became a replica, its memory is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psutil
import redis

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, PlainWorker, Plant
from tests.faults.lab import Lab
from tests.waiting import eventually

BACK_SECONDS = 60.0
JOBS = 50
PROBE = "probe"
SAVE_DELAY = 10_000_000
"""Microseconds for each key of a snapshot: time enough to kill the process that writes it."""


def misconf(client: redis.Redis) -> None:
    """A snapshot fails, as on a full disk: writes are refused, and PING."""
    client.set(PROBE, "to save")
    client.config_set("save", "3600 1")
    client.config_set("rdb-key-save-delay", SAVE_DELAY)
    client.bgsave()
    main = psutil.Process(client.info("server")["process_id"])  # type: ignore[index]
    for child in eventually(main.children, what="the snapshot begins"):
        child.kill()


def readonly(client: redis.Redis) -> None:
    """What a master becomes by a failover."""
    client.execute_command("REPLICAOF", "127.0.0.1", "1")


def out_of_memory(client: redis.Redis) -> None:
    """Nothing may be added."""
    client.config_set("maxmemory", 1)


FAULTS: dict[str, Callable[[redis.Redis], None]] = {
    "MISCONF": misconf,
    "READONLY": readonly,
    "OOM": out_of_memory,
}


def relieve(client: redis.Redis) -> None:
    """Whatever it was: it is over."""
    client.execute_command("REPLICAOF", "NO", "ONE")
    client.config_set("maxmemory", 0)
    client.config_set("rdb-key-save-delay", 0)
    client.config_set("save", "")


def refusal(client: redis.Redis) -> str:
    """With what word a write is refused, or ''."""
    try:
        client.set(PROBE, "else")
    except redis.ResponseError as error:
        return str(error)
    return ""


def run(size: Size) -> Iterator[Row]:
    """Each in turn, on workers of its own."""
    with Lab() as lab:
        for name in FAULTS:
            if size.wants(name):
                yield refuse(lab, name, size)


def refuse(lab: Lab, name: str, size: Size) -> Row:
    """It strikes workers under load that have to connect again meanwhile; then it is over."""
    lab.next_round()
    workers = [lab.worker("-E") for _ in range(2)]
    mains = [worker.pid for worker in workers]
    lab.submit_mix(size.of(JOBS, 6))
    lab.drain()
    with lab.broker() as client:
        FAULTS[name](client)
        lab.eventually(lambda: refusal(client), what=name)
        client.client_kill_filter(_type="normal", skipme=True)
        lab.submit_mix(size.of(JOBS, 6))
        lab.eventually(
            lambda: all("bell_lost" in worker.log.read_text() for worker in workers),
            what="every worker meets the fault",
        )
        waiting = lab.count("queued")
        relieve(client)
    lab.struck()
    begun = time.monotonic()
    lab.submit_mix(size.of(JOBS, 6))
    verdict = lab.judge()
    back = time.monotonic() - begun
    alive = [worker.pid for worker in workers if worker.main.poll() is None]
    for worker in workers:
        worker.stop()
    found = row(
        name, "Redis refuses writes, connections cut meanwhile", verdict,
        control=None if size.is_quick else control(lab, name),
        note=f"{waiting} jobs waited; all done {back:.1f} s after relief",
    )  # fmt: skip
    expect(found, alive == mains, f"{len(mains) - len(alive)} mains ended")
    expect(found, waiting > 0, "nothing waited: the fault reached nobody")
    slow = max(back, verdict.recovery or 0.0)
    return expect(found, slow <= BACK_SECONDS, f"back after {slow:.0f} s")


def control(lab: Lab, name: str) -> Control:
    """A plain worker that nobody starts again."""
    plant = Plant(lab, f"control-{name}")
    worker = plant.worker()
    plant.submit(JOBS)
    plant.drain()
    with plant.broker() as client:
        gate = plant.folder / "gate"
        plant.submit(2, gate=str(gate))
        plant.running(2)
        plant.submit(JOBS)
        FAULTS[name](client)
        lab.eventually(lambda: refusal(client), what=name)
        client.client_kill_filter(_type="normal", skipme=True)
        gate.touch()
        ended = has_ended(worker)
        relieve(client)
    found = plant.verdict()
    note = "its worker ended with the fault" if ended else "its worker lived"
    worker.kill()
    plant.redis.kill()
    return Control(found.jobs, found.lost, found.doubled, found.held, found.again, note)


def has_ended(worker: PlainWorker) -> bool:
    """Within the time that it takes ours to meet the fault, and more."""
    try:
        eventually(lambda: worker.main.poll() is not None, timeout=20)
    except AssertionError:
        return False
    return True


CASE = Case(
    13,
    "Redis MISCONF, READONLY, out of memory",
    "service is back ≤ 60 s after relief with nobody's help",
    run,
    has_quick=False,
)
