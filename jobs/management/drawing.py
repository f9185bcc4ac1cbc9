"""The topology drawn for a terminal: who asks, what keeps, what rings, who works, and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from jobs.doctor.words import counted, sentence, span
from jobs.lines import QueueLine, WorkerLine
from jobs.text import on_one_line


class Ends(NamedTuple):
    """Where the system's parts are that are not workers; no address holds a password."""

    web: str
    beats: Sequence[str]
    database: str
    broker: str


def drawn(ends: Ends, queues: Sequence[QueueLine], workers: Sequence[WorkerLine]) -> Iterator[str]:
    """Line by line, from who asks down to the queues."""
    yield f"web, API  {ends.web}"
    yield from (f"Beat  {beat}" for beat in ends.beats or ["none: no schedule fires"])
    yield from arrow("jobs")
    yield f"database  {ends.database}"
    yield from arrow(f"bells, through {ends.broker}")
    by_name = {queue.name: queue for queue in queues}
    left = dict(by_name)
    # Workers that hear the same stand together.
    for (_, names), alike in groupby(sorted(workers, key=kinship), key=lambda line: kinship(line)[:2]):
        for line in alike:
            yield about(line)
            if line.takes:
                left = {name: queue for name, queue in left.items() if name not in names}
        yield from branches([by_name[name] for name in names if name in by_name])
    if not workers:
        yield "no worker  jobs wait safely until one starts"
    if unheard := [queue for queue in left.values() if queue.queued or queue.later or not workers]:
        yield "nobody hears"
        yield from branches(unheard)


def kinship(line: WorkerLine) -> tuple[bool, list[str], str]:
    """Who works comes first, then by what they hear."""
    return not line.is_live, sorted(line.worker.queues), line.worker.name


def arrow(what: str) -> Iterator[str]:
    """Down."""
    yield f"   │ {what}"
    yield "   ▼"


def about(line: WorkerLine) -> str:
    """A worker."""
    worker = line.worker
    processes = counted(worker.slots, "process", "processes")
    if not line.is_live:
        return f"{worker.name}  silent for {span(line.heard_seconds)}"
    parts = [processes, counted(line.holds, "job"), "draining" if worker.is_draining else ""]
    return f"{worker.name}  {sentence([*parts, f'heard {span(line.heard_seconds)} ago'])}"


def branches(queues: Sequence[QueueLine]) -> Iterator[str]:
    """Queues below who hears them."""
    width = max((len(queue.name) for queue in queues), default=0)
    for place, queue in enumerate(queues, 1):
        yield f"   {'└' if place == len(queues) else '├'} {queue.name.ljust(width)}  {depth(queue)}".rstrip()


def depth(queue: QueueLine) -> str:
    """What waits there, for how long, and what runs."""
    oldest = f" for {span(queue.oldest.total_seconds())}" if queue.oldest and queue.queued else ""
    reason = on_one_line(queue.pause_reason or "")
    paused = f"paused by {queue.paused_by}" + (f": {reason}" if reason else "")
    return sentence(
        [
            paused if queue.is_paused else "",
            f"{queue.queued:,} waiting{oldest}" if queue.queued else "",
            f"{queue.running:,} running" if queue.running else "",
            f"{queue.later:,} due later" if queue.later else "",
        ]
    )
