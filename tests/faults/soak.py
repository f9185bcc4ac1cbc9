"""`make soak`: a long load under random kills, then the judge, and what memory and descriptors became.

Every few seconds one of these, by chance: SIGKILL to a pool child, to a worker's main, to Beat, to Redis
(which comes back empty), or the end of every PostgreSQL connection. What was killed whole is started again,
as a supervisor would. One worker is spared, main and children: only who lives through all of it can show what
leaks. `python -m tests.faults.soak [--jobs 200000] [--seed 7] [--every 4]`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from tests.faults import report, source
from tests.faults.descriptors import by_kind
from tests.faults.judge import Budgets
from tests.faults.lab import Lab

KINDS = ("test.ok", "test.tiny", "test.tiny", "test.tiny", "test.once")
CHUNK = 500
BACKLOG = 5_000
"""How many jobs may wait before the load pauses: the line stays long, and the clock tells something."""
WORKERS = 2
"""Those that are killed; there is one more."""
DRAIN_SECONDS = 900.0
SERVERS = frozenset({"Redis", "PostgreSQL"})
MOST_MEMORY, MOST_DESCRIPTORS = 1.1, 5
"""How many times the memory of the first tenth a process may have at the end, and by how many its descriptors
may differ: who has many fewer has lost something, too."""


@dataclass(frozen=True)
class Use:
    """What one process holds: resident memory (MB) and open descriptors.

    Resident, not its own alone: what main and children share moves from one to the other as it is written.
    """

    pid: int
    megabytes: float
    descriptors: int
    kinds: Counter[str] = field(default_factory=Counter)
    """What the descriptors are → how many."""


class Soak:
    """The system under load, and the one who breaks it."""

    def __init__(self, lab: Lab, chance: random.Random, every: float) -> None:
        self.lab = lab
        self.chance = chance
        self.every = every
        self.kills: Counter[str] = Counter()
        self.workers = [lab.worker(slots=2) for _ in range(WORKERS)]
        self.spared = lab.worker(slots=2)
        self.children = self.spared.children
        self.beat = lab.beat()

    def run(self, work: Callable[[], None]) -> None:
        """Break things as long as the load goes on; afterwards everything is back.

        In the main thread: servers end with the thread that started them.
        """
        acts: dict[str, Callable[[], None]] = {
            "child": self._kill_child,
            "main": self._kill_main,
            "Beat": self._kill_beat,
            "Redis": self._kill_redis,
            "PostgreSQL connections": self._end_connections,
        }
        load = threading.Thread(target=work, name="load", daemon=True)
        load.start()
        while load.is_alive():
            load.join(self.every * self.chance.uniform(0.5, 1.5))
            name = self.chance.choice(list(acts))
            acts[name]()
            self.kills[name] += 1
            self._mend()

    def use(self) -> dict[str, Use]:
        """Name → what it holds: those that nobody kills, Beat, and the servers."""
        pids = {"worker": self.spared.pid, "Beat": self.beat.pid}
        pids |= {f"worker, child {slot}": child for slot, child in enumerate(self.children, start=1)}
        pids |= {"Redis": self.lab.redis.pid or 0, "PostgreSQL": self.lab.postgres.pid or 0}
        servers = {self.lab.redis.port: "Redis", self.lab.postgres.port: "PostgreSQL"}
        return {name: use(pid, servers) for name, pid in sorted(pids.items())}

    def is_whole(self) -> bool:
        """Whether the worker that nobody killed is the one it was, children included."""
        return self.spared.main.poll() is None and set(self.spared.children) == set(self.children)

    def _mend(self) -> None:
        """What a supervisor does: start again what ended."""
        for place, worker in enumerate(self.workers):
            if worker.main.poll() is not None:
                worker.stop()
                self.workers[place] = self.lab.worker(slots=2)
        if self.beat.poll() is not None:
            self.beat = self.lab.beat()

    def _kill_child(self) -> None:
        children = [child for worker in self.workers for child in worker.children]
        if children:
            kill(self.chance.choice(children))

    def _kill_main(self) -> None:
        worker = self.chance.choice(self.workers)
        kill(worker.pid)
        worker.main.wait(10)

    def _kill_beat(self) -> None:
        kill(self.beat.pid)
        self.beat.wait(10)

    def _kill_redis(self) -> None:
        self.lab.redis.kill()
        self.lab.redis.start()

    def _end_connections(self) -> None:
        self.lab.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'millrace%%' AND pid <> pg_backend_pid()"
        )


def use(pid: int, servers: dict[int, str]) -> Use:
    """Of one process, now; `servers` names the one behind a port."""
    process = psutil.Process(pid)
    return Use(pid, process.memory_info().rss / 1e6, process.num_fds(), by_kind(pid, servers))


def comparable(before: dict[str, Use], after: dict[str, Use]) -> dict[str, tuple[Use, Use]]:
    """Name → what it held and holds. A Beat that was killed since is another; a server's name is enough."""
    return {
        name: (before[name], now)
        for name, now in after.items()
        if name in SERVERS or before[name].pid == now.pid
    }


def grown(both: dict[str, tuple[Use, Use]]) -> list[str]:
    """Who holds more than it may after the whole run. How many clients a server has is not its own doing."""
    found = []
    for name, (was, now) in both.items():
        more = now.descriptors - was.descriptors
        is_odd = more > MOST_DESCRIPTORS or (-more > MOST_DESCRIPTORS and name not in SERVERS)
        if is_odd or now.megabytes > MOST_MEMORY * was.megabytes:
            found.append(name)
    return found


def moved(was: Use, now: Use) -> str:
    """Of which kind there are more or fewer, in words: ` (pipe +2, Redis, close wait +1)`."""
    change = {kind: now.kinds[kind] - was.kinds[kind] for kind in was.kinds | now.kinds}
    said = ", ".join(f"{kind} {more:+}" for kind, more in sorted(change.items()) if more)
    return f" ({said})" if said else ""


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def load(lab: Lab, jobs: int, soak: Soak) -> None:
    """Hand in that many, never too far ahead of the workers; say how far it is."""
    begun, sent = time.monotonic(), 0
    while sent < jobs:
        if lab.count("queued", "retrying", "scheduled") < BACKLOG:
            kind = KINDS[sent // CHUNK % len(KINDS)]
            sent += len(lab.submit_many(kind, min(CHUNK, jobs - sent)))
        else:
            threading.Event().wait(0.2)
        tell(sent, jobs, begun, soak)


def tell(sent: int, jobs: int, begun: float, soak: Soak) -> None:
    """One line, rewritten on a terminal."""
    spent = time.monotonic() - begun
    left = spent / max(sent, 1) * (jobs - sent)
    line = (
        f"{sent:>7,} of {jobs:,} handed in, {sum(soak.kills.values())} kills, about {left / 60:.1f} min left"
    )
    if sys.stdout.isatty():
        print(f"\r{line}  ", end="", flush=True)
    elif sent % (CHUNK * 40) == 0:
        print(line, flush=True)


def main() -> int:
    """The whole run; 1 if the judge found anything."""
    asked = arguments()
    print(f"{asked.jobs:,} jobs, a kill about every {asked.every:g} s, seed {asked.seed}", flush=True)
    measured_on = source.stamp("soak")
    with Lab() as lab:
        soak = Soak(lab, random.Random(asked.seed), asked.every)
        begun = time.monotonic()
        soak.run(lambda: load(lab, asked.jobs // 10, soak))
        lab.drain(DRAIN_SECONDS)
        before = soak.use()
        soak.run(lambda: load(lab, asked.jobs - asked.jobs // 10, soak))
        lab.drain(DRAIN_SECONDS)
        spent = time.monotonic() - begun
        lab.faults.clear()
        verdict = lab.judge(Budgets(uncharged=soak.kills.total(), recovery=None, why="the kills overlap"))
        verdict.blame("growth", "the spared worker", [] if soak.is_whole() else ["it lost a process"])
        both = comparable(before, soak.use() if soak.is_whole() else before)
        verdict.blame("growth", "processes", grown(both))
    print(f"\n{verdict.jobs:,} jobs in {spent:.0f} s, killed: {dict(soak.kills)}")
    print(f"lost {verdict.lost}, doubled {verdict.doubled}, uncertain {verdict.uncertain}")
    for name, (was, now) in both.items():
        print(
            f"  {name:<20} {was.megabytes:6.1f} → {now.megabytes:6.1f} MB,"
            f" {was.descriptors:>3} → {now.descriptors:>3} descriptors{moved(was, now)}"
        )
    for violation in verdict.violations:
        print(f"  {violation}")
    if not asked.no_report:
        report.write(
            "soak", **measured_on, jobs=verdict.jobs, seconds=spent, kills=dict(soak.kills),
            lost=verdict.lost, doubled=verdict.doubled, uncertain=verdict.uncertain,
            violations=verdict.violations,
            use={name: [was.megabytes, was.descriptors, now.megabytes, now.descriptors]
                 for name, (was, now) in both.items()},
        )  # fmt: skip
    return 1 if verdict.violations else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two kills, on average")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
