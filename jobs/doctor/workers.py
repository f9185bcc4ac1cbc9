"""Workers: whether somebody is there to work, heard lately, and of one version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from jobs import VERSION
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.looking import looking
from jobs.doctor.words import counted, sentence, some, span
from jobs.lifecycle.known import silent_seconds
from jobs.registry import KINDS

ANNOUNCED = """
    SELECT name, pid, version, queues, slots, is_draining,
           extract(epoch FROM clock_timestamp() - beat_at)::float8
      FROM millrace_worker ORDER BY name
"""
START = "celery -A celery_app worker -E"


class Announced(NamedTuple):
    """A worker, as it said of itself."""

    name: str
    pid: int
    version: str
    queues: list[str]
    slots: int
    is_draining: bool
    silent: float

    @property
    def is_heard(self) -> bool:
        """Whether it counts as alive, by the measure of the gate."""
        return self.silent < silent_seconds()

    @property
    def takes(self) -> bool:
        """Whether it begins jobs."""
        return self.is_heard and not self.is_draining


def look() -> Seen:
    """Who announced themselves."""
    with looking() as db:
        announced = [Announced(*row) for row in db.rows(ANNOUNCED)]
    takers = [worker for worker in announced if worker.takes]
    draining = sum(worker.is_heard and worker.is_draining for worker in announced)
    text = sentence(
        [
            f"{counted(len(takers), 'worker')} with {counted(sum(one.slots for one in takers), 'slot')}",
            f"{draining} draining" if draining else "",
            f"last heard {span(max(one.silent for one in takers))} ago at most" if takers else "",
        ]
    )
    return Seen(
        text, [*nobody(takers), *gone(announced), *mixed(takers), *namesakes(takers), *unserved(takers)]
    )


def nobody(takers: list[Announced]) -> Iterator[Finding]:
    """No one at all."""
    if not takers:
        yield problem(
            "workers.none",
            f"No worker was heard within {span(silent_seconds())}.",
            why="Jobs are accepted and kept, and none starts.",
            remedy=START,
        )


def gone(announced: list[Announced]) -> Iterator[Finding]:
    """Workers that leave say so; these did not."""
    there = {worker.name for worker in announced if worker.is_heard}  # started again under the same name
    silent = [worker for worker in announced if not worker.is_heard and worker.name not in there]
    if silent:
        yield warning(
            "workers.silent",
            "Went silent without a good-bye: "
            + some([f"{one.name} (pid {one.pid}, {span(one.silent)} ago)" for one in silent])
            + ".",
            why="Killed, frozen, or cut off from the database; others got its jobs when their leases ended.",
            remedy="If it should be running, look at its log and the kernel's (out of memory), and start it"
            " again; a day later it is forgotten",
        )


def mixed(takers: list[Announced]) -> Iterator[Finding]:
    """A release that was left half way."""
    by_version: dict[str, list[str]] = defaultdict(list)
    for worker in takers:
        by_version[worker.version].append(worker.name)
    if set(by_version) <= {VERSION}:
        return
    told = "; ".join(f"{version}: {some(names)}" for version, names in sorted(by_version.items()))
    yield warning(
        "workers.versions",
        f"Versions differ from {VERSION}, which runs here: {told}.",
        why="In the midst of an upgrade that is right. Later, jobs of new kinds wait.",
        remedy="Restart those workers with the new version: TERM drains them",
    )


def namesakes(takers: list[Announced]) -> Iterator[Finding]:
    """Celery tells nodes apart by name."""
    names = [worker.name for worker in takers]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        yield warning(
            "workers.names",
            f"Several workers have one name: {some(double)}.",
            why="Jobs do not mind; Flower and remote control take them for one.",
            remedy=f"Give each its own: {START} -n %i@%h   (or -n worker1@%h, worker2@%h, …)",
        )


def unserved(takers: list[Announced]) -> Iterator[Finding]:
    """Nothing waits there yet."""
    if not takers:
        return
    served = {queue for worker in takers for queue in worker.queues}
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind in KINDS.all():
        if kind.queue not in served:
            kinds[kind.queue].append(kind.name)
    for queue, names in sorted(kinds.items()):
        yield warning(
            "workers.unserved",
            f"No worker listens to the queue {queue}, where {some(names)} would wait.",
            why="Jobs of these kinds are accepted, and none starts.",
            remedy=f"{START} -Q {queue}   (without -Q it hears the queues of the kinds it knows)",
        )
