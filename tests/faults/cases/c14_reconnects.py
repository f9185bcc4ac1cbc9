"""Case 14: a hundred lost connections, and twenty restarts of the broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING

import psutil
import redis

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.lab import Lab

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

RECONNECTS, RESTARTS = 100, 20
WARM = 3
"""Rounds before the base is taken: what only the first reconnections need is there then."""
JOBS = 30
SPARE_DESCRIPTORS = 5
SPARE_MEMORY = 1.1
PAUSED = "batches"

Use = dict[str, tuple[int, int]]
"""Process → descriptors, and resident memory (bytes), with what it shares with its children."""


def run(size: Size) -> Iterator[Row]:
    """One worker with two children lives through all of it."""
    from jobs.lifecycle.pause import pause_queue, resume_queue

    with Lab() as lab:
        worker = lab.worker("-E")
        main = worker.pid
        pause_queue(PAUSED, actor="alice")
        held = lab.submit("test.batch_fault")
        for _ in range(WARM):
            reconnect(lab)
            restart(lab)
            lab.submit_mix(JOBS)
            drain(lab)
        before = use(worker)
        for _ in range(size.of(RECONNECTS, 5)):
            reconnect(lab)
            lab.submit_mix(len(worker.children))
        for _ in range(size.of(RESTARTS, 2)):
            restart(lab)
            lab.submit_mix(len(worker.children))
        lab.struck()
        lab.submit_mix(JOBS)
        drain(lab)
        stood = lab.state(held)
        limited = lab.submit("test.short", do="wait", gate=str(lab.folder / "never"))
        lab.eventually(lambda: lab.state(limited) == "failed", what="the time limit fires")
        code = lab.sql("SELECT code FROM millrace_job WHERE payload ->> 'key' = %s", [limited])[0][0]
        with suppress(AssertionError):  # the row says with what
            lab.eventually(lambda: has_settled(before, use(worker)), 30)
        after = use(worker)
        resume_queue(PAUSED, actor="alice")
        verdict = lab.judge()
        alive = worker.main.poll() is None and worker.pid == main
        worker.stop()
        found = row(
            "reconnects", f"{size.of(RECONNECTS, 5)} × CLIENT KILL, {size.of(RESTARTS, 2)} × kill -9 and"
            " restart of Redis", verdict, note="; ".join(said(before, after)),
            control_note="not tried: plain Celery connects again as well",
        )  # fmt: skip
        expect(found, alive, "the worker ended")
        expect(found, stood == "queued", f"the paused queue's job is {stood}")
        expect(found, code == "timeout", f"the job beyond its time limit ended as {code}")
        yield expect(found, has_settled(before, after), "descriptors or memory are not back to base")


def drain(lab: Lab) -> None:
    """All but the job in the paused queue."""
    lab.eventually(lambda: lab.count("queued", "running", "retrying") == 1, 120, "all but one job ends")


def reconnect(lab: Lab) -> None:
    """Cut every connection, and see the consumer's come back."""
    with lab.broker() as client:
        before = consumers(client)
        client.client_kill_filter(_type="normal", skipme=True)
        client.client_kill_filter(_type="pubsub", skipme=True)
        lab.eventually(lambda: consumers(client) - before, what="a new connection consumes")


def restart(lab: Lab) -> None:
    """It comes back empty."""
    lab.redis.kill()
    lab.redis.start()
    with lab.broker() as client:
        lab.eventually(lambda: consumers(client), what="the worker consumes again")


def consumers(client: redis.Redis) -> set[str]:
    """The connections that wait in BRPOP."""
    return {one["id"] for one in client.client_list() if one["cmd"] == "brpop"}


def use(worker: WorkerProcess) -> Use:
    """What the main and its children hold; of the children the middle, since they may be replaced."""
    children = [held(pid) for pid in worker.children]
    return {
        "main": held(worker.pid),
        "child": (
            int(median(files for files, _ in children)),
            int(median(memory for _, memory in children)),
        ),
    }


def held(pid: int) -> tuple[int, int]:
    process = psutil.Process(pid)
    return process.num_fds(), process.memory_info().rss


def has_settled(before: Use, after: Use) -> bool:
    return all(
        after[name][0] <= files + SPARE_DESCRIPTORS and after[name][1] <= SPARE_MEMORY * memory
        for name, (files, memory) in before.items()
    )


def said(before: Use, after: Use) -> list[str]:
    return [
        f"{name}: {before[name][0]} → {after[name][0]} descriptors,"
        f" {before[name][1] / 2**20:.0f} → {after[name][1] / 2**20:.0f} MB"
        for name in before
    ]


CASE = Case(
    14,
    "100 forced reconnects, 20 broker restarts",
    "it consumes again; descriptors and memory are back to base; limits still fire",
    run,
    not_built="limits by rate: only time limits and a paused queue are tried",
    has_quick=False,
)
