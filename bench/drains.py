"""Drain: fill a line, start two processes that work, and time the jobs they do.

The clock runs from a tenth of the jobs to the last, so that start-up does not count. For Millrace it stops
when every outcome is recorded; a peer's stops at its last increment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bench.lab import Lab
from bench.meter import Pace, Programs, Stretch
from bench.peers.peer import Peer
from bench.running import running, wait_until
from core.embedded.child import Child
from core.supervisor.programs import Program

PATIENCE_SECONDS = 120
POLL_SECONDS = 0.003
NOT_MEASURED: Programs = MappingProxyType({})


def nobody(lab: Lab) -> list[Program]:
    """Nothing runs beside the workers."""
    return []


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One queue in one setting: how many jobs it gets, how it gets them, and who does them."""

    name: str
    share: float
    fill: Callable[[Lab, int], object]
    workers: Callable[[Lab], list[Child]]
    is_ours: bool = True
    beside: Callable[[Lab], list[Program]] = nobody
    """What is there before the workers are."""


def millrace(name: str, kind: str, *, share: float, without: str = "", has_events: bool = True) -> Arm:
    """Millrace doing jobs of this kind, `without` what is named (see bench/app/without.py)."""
    return Arm(
        name=name,
        share=share,
        fill=lambda lab, jobs: submit(kind, jobs),
        workers=lambda lab: [lab.worker(has_events=has_events, BENCH_WITHOUT=without)],
    )


def of_peer(peer: Peer) -> Arm:
    """Another queue."""
    return Arm(
        name=peer.name,
        share=peer.share,
        fill=lambda lab, jobs: lab.run_peer("-m", "bench.peers.fill", peer.name, str(jobs)),
        workers=lambda lab: list(lab.peer_workers(peer)),
        is_ours=False,
    )


def submit(kind: str, jobs: int) -> None:
    """So many jobs of a kind."""
    from jobs.lifecycle.submit_many import submit_many
    from jobs.owners import service_user

    submit_many(kind, ({} for _ in range(jobs)), owner=service_user("bench"))


def drain(lab: Lab, arm: Arm, jobs: int) -> Pace:
    """From an empty database to the last outcome."""
    wanted = max(10, round(jobs * arm.share))
    lab.empty()
    arm.fill(lab, wanted)
    if arm.is_ours:
        lab.settle()
    beside = arm.beside(lab)
    with running(*beside):
        for program in beside:
            wait_until(program.is_ready, f"{program.name} is ready (see {lab.logs})")
        return drain_by(lab, arm, wanted, beside)


def drain_by(lab: Lab, arm: Arm, wanted: int, beside: Sequence[Child]) -> Pace:
    """By workers that start now."""
    workers = arm.workers(lab)
    with running(*workers):
        return time_counter(
            lab, wanted, arm.name, is_recorded=lab.is_settled if arm.is_ours else at_once,
            programs={"workers": workers, "beside": beside, **lab.servers},
        )  # fmt: skip


def at_once() -> bool:
    """Nobody waits for a peer's records."""
    return True


def time_counter(
    lab: Lab, jobs: int, name: str, *, is_recorded: Callable[[], bool] = at_once,
    programs: Programs = NOT_MEASURED,
) -> Pace:  # fmt: skip
    """Between a tenth and the last."""
    until = time.monotonic() + PATIENCE_SECONDS
    stretch = Stretch(jobs, programs)
    while time.monotonic() < until:
        done = lab.done()
        stretch.see(done)
        if done >= jobs and is_recorded():
            return stretch.end(done)
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"{name}: {done} of {jobs} jobs were done in {PATIENCE_SECONDS} s; see {lab.logs}")
