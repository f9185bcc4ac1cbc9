"""Case 8: twenty rolling restarts under load, in every way that deploys stop a worker."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, PlainWorker, Plant
from tests.faults.judge import Budgets
from tests.faults.lab import Lab
from tests.faults.slow_commits import Watcher, slow_commits

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess


class Stops(Protocol):
    """A worker of ours, or a plain one."""

    @property
    def main(self) -> subprocess.Popen[bytes]: ...

    def signal(self, number: signal.Signals) -> None: ...

    def signal_group(self, number: signal.Signals) -> None: ...


RESTARTS = 20
JOBS_BETWEEN = 60
JOBS_IN_COMMITS = 12
"""Fewer where each change of a state takes its time to commit."""
LONG = 3
"""Jobs that run when a worker is stopped, and would not end by themselves before it: more than the other
worker has slots, so that the one that is stopped holds one at least, and less than both have."""
SLOTS = 2


class Seen(StrEnum):
    """What has to be seen of a job that ran when its worker was stopped."""

    DRAINED = "drained"
    HANDED_BACK = "handed back"
    LOST = "lost"


@dataclass(frozen=True)
class Way:
    """How a worker is stopped, and with which settings it was started."""

    act: Callable[[Stops], None]
    seen: Seen
    settings: dict[str, str] = field(default_factory=dict)
    is_in_commit: bool = False
    has_beat: bool = True


def run(size: Size) -> Iterator[Row]:
    """One way of stopping at a time. Beat stays, as in a deploy, but for the last."""
    with Lab() as lab:
        beat = lab.beat()
        for name, way in WAYS.items():
            if not way.has_beat:
                beat.kill()
                beat.wait(10)
            if size.wants(name, in_quick=name == "TERM to the group, short grace"):
                yield restarts(lab, name, size)


def term(worker: Stops) -> None:
    worker.signal(signal.SIGTERM)


def term_group(worker: Stops) -> None:
    worker.signal_group(signal.SIGTERM)


def quit_(worker: Stops) -> None:
    worker.signal(signal.SIGQUIT)


def kill(worker: Stops) -> None:
    worker.signal_group(signal.SIGKILL)


WAYS = {
    "TERM to the main": Way(term, Seen.DRAINED),
    "TERM to the group": Way(term_group, Seen.DRAINED),
    "TERM to the group, short grace": Way(term_group, Seen.HANDED_BACK, {"DRAIN_SECONDS": "0.5"}),
    # After its grace a child is killed, in whatever COMMIT it is: slow ones get more of it.
    "QUIT in the middle of a COMMIT": Way(quit_, Seen.HANDED_BACK, {"GRACE_SECONDS": "3"}, is_in_commit=True),
    "KILL to the group": Way(kill, Seen.LOST),
    "KILL to the group, no Beat": Way(kill, Seen.LOST, has_beat=False),
}
WITHOUT_BEAT = Budgets(
    uncharged=RESTARTS,
    why="from the last restart: who is to rescue has lived for two heartbeats, and before it hardly one had",
)


def restarts(lab: Lab, name: str, size: Size) -> Row:
    """Two workers; one after the other is stopped and replaced while the load goes on."""
    lab.next_round()
    way, times = WAYS[name], size.of(RESTARTS, 2)
    slow_commits(lab, is_on=way.is_in_commit)
    workers = [lab.worker(slots=SLOTS, **way.settings) for _ in range(2)]
    told = [restart(lab, way, workers, number, size) for number in range(times)]
    from_each = list(lab.faults)
    if not way.has_beat:
        lab.faults.clear()
        lab.struck()
    verdict = lab.judge(None if way.has_beat else WITHOUT_BEAT)
    seen = what_was_seen(lab, way, told)
    note = f"in {sum(seen)} of {times} restarts jobs were {way.seen}, {lab.charged()} charged"
    met = sum(one.met_a_commit for one in told)
    if way.is_in_commit:
        note += f"; {met} signals met a COMMIT under way"
    if not way.has_beat:
        note += f"; from its kill a job waited {lab.recovery(from_each) or 0:.1f} s at most"
    slow_commits(lab, is_on=False)
    for worker in workers:
        worker.stop()
    found = row(
        name, f"{times} restarts under load", verdict, note=note,
        control=None if size.is_quick or name not in PLAIN else control(lab, name),
    )  # fmt: skip
    expect(found, all(seen), f"nothing was {way.seen} in {seen.count(False)} restarts: they prove nothing")
    expect(found, not way.is_in_commit or met > times / 2, f"only {met} signals met a COMMIT")
    is_free = way.seen is not Seen.LOST
    return expect(found, not is_free or lab.charged() == 0, f"{lab.charged()} attempts were charged")


@dataclass(frozen=True)
class Told:
    """What was seen of one restart while it lasted; `gate` is what its long jobs waited for."""

    gate: Path
    has_drained: bool
    met_a_commit: bool


def restart(lab: Lab, way: Way, workers: list[WorkerProcess], number: int, size: Size) -> Told:
    """One of the workers is stopped with a long job in hand, and replaced; the list is changed."""
    gate = lab.folder / f"gate-{number}"
    gate.unlink(missing_ok=True)
    keys = [lab.submit("test.once", gate=str(gate)) for _ in range(LONG)]
    lab.eventually(lambda: run_behind(lab, gate) == LONG, what="the long jobs run")
    children = {worker: set(worker.children) for worker in workers}
    with Watcher(lab, workers) as watcher:
        lab.submit_mix(JOBS_IN_COMMITS if way.is_in_commit else size.of(JOBS_BETWEEN, 12))
        stopped = watcher.wait() if way.is_in_commit else workers[0]
        way.act(stopped)
        lab.struck()
        met = way.is_in_commit and watcher.is_under_way()
    workers.remove(stopped)
    if way.seen is Seen.DRAINED:
        lab.eventually(stopped.is_draining, what="it drains while they run")
    if way.seen is not Seen.HANDED_BACK:
        gate.touch()
    workers.append(lab.worker(slots=SLOTS, **way.settings))
    lab.eventually(lambda: stopped.main.poll() is not None, what="the old one ends")
    gate.touch()
    return Told(gate, any(has_ended_in(lab, key, children[stopped]) for key in keys), met)


def what_was_seen(lab: Lab, way: Way, told: list[Told]) -> list[bool]:
    """For each restart, whether it did to a long job what it had to."""
    if way.seen is Seen.DRAINED:
        return [one.has_drained for one in told]
    rows = lab.sql(
        "SELECT DISTINCT job.payload ->> 'gate' FROM millrace_job AS job JOIN millrace_job_event AS event"
        " ON event.job_id = job.id WHERE event.event = %s",
        [EVENTS[way.seen]],
    )
    gates = {gate for (gate,) in rows}
    return [str(one.gate) in gates for one in told]


EVENTS = {Seen.HANDED_BACK: "released", Seen.LOST: "lost"}


def run_behind(lab: Lab, gate: Path) -> int:
    """How many of the jobs that wait for this gate run."""
    found = lab.sql(
        "SELECT count(*) FROM millrace_job WHERE state = 'running' AND payload ->> 'gate' = %s", [str(gate)]
    )
    return int(found[0][0])


def has_ended_in(lab: Lab, key: str, processes: set[int]) -> bool:
    """Whether its first attempt had its effect in one of these processes."""
    return any(
        name == key and attempt == "1" and int(process) in processes
        for name, _, attempt, process in lab.effects.lines()
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
        WAYS[way].act(stopped)
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
