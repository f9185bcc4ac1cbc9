"""Case 15: bells rung fifty times over, and messages that nobody of this installation sent."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.states import State
from tests.faults.bells import message
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

TIMES = 50
JOBS = 20
MEGABYTES = 10
BELL = "millrace.bell"
BUILT_IN = (
    "celery.backend_cleanup", "celery.chord", "celery.group", "celery.chain", "celery.chord_unlock",
    "celery.accumulate", "celery.map", "celery.starmap", "celery.chunks",
)  # fmt: skip
OTHERS = ("os.system", "jobs.lifecycle.submit.submit_job", "test.fault", "")
UNREGISTERED = "Received unregistered task of type"
REFUSED = "Refusing to deserialize"
UNREADABLE = "Can't decode message body"
NO_MESSAGE = "broker_message_refused"


def run(size: Size) -> Iterator[Row]:
    """Too many bells, then false ones."""
    with Lab() as lab:
        if size.wants("repeated"):
            yield repeated(lab, size)
        if size.wants("forged"):
            yield forged(lab, size)


def repeated(lab: Lab, size: Size) -> Row:
    """Fifty bells for every job, all of them heard."""
    lab.next_round()
    worker = lab.worker()
    jobs = size.of(JOBS, 6)
    for _ in range(jobs):
        lab.submit_mix(1)
        with lab.broker() as client:
            for queue in ("default", "tiny"):
                client.lpush(queue, *(message(BELL, routing_key=queue) for _ in range(TIMES)))
    verdict = lab.judge()
    lab.eventually(lambda: is_empty(lab, "default", "tiny"), what="all messages are taken")
    worker.stop()
    claims = Counter(change.job for change in lab.changes() if change.after == State.RUNNING)
    found = row(
        "repeated", f"each bell {TIMES} times", verdict, control=control(lab, size),
        note=f"{2 * TIMES * jobs} bells, {claims.total()} claims of {len(lab.jobs())} jobs",
    )  # fmt: skip
    return expect(found, set(claims.values()) == {1}, "a job was claimed more than once")


def unlogged(lab: Lab, worker: WorkerProcess, lies: list[Lie]) -> list[str]:
    """Which of them the log does not name, once it had its time to."""

    def missing() -> list[str]:
        said = worker.log.read_text()
        return [lie.name for lie in lies if lie.log not in said]

    with suppress(AssertionError):
        lab.eventually(lambda: not missing() or has_ended(worker), 30, "each is logged")
    return missing()


def forged(lab: Lab, size: Size) -> Row:
    """One of each into the queue that a worker hears; afterwards it works on as the process it was."""
    lab.next_round()
    worker = lab.worker()
    main = worker.pid
    mark = lab.folder / "mark"
    lies = forgeries(mark)
    with lab.broker() as client:
        for lie in lies:
            client.lpush("default", lie.text)
        client.lpush("nowhere", message(BELL, routing_key="nowhere"))
    lab.eventually(lambda: has_ended(worker) or is_empty(lab, "default"), what="all messages are taken")
    lab.submit_mix(size.of(JOBS, 6))
    verdict = lab.judge()
    missing = unlogged(lab, worker, lies)
    found = row(
        "forged", "queues that do not exist, pickle, 10 MB, built-in tasks, other names, no messages at all",
        verdict, note=f"{len(lies)} forged messages, each logged",
        control_note="a message is a task: who can write to the broker runs what is registered, built-in ones"
        " included",
    )  # fmt: skip
    expect(found, not has_ended(worker) and worker.pid == main, "the worker ended")
    expect(found, not missing, f"not refused, or not logged: {', '.join(missing)}")
    expect(found, not mark.exists(), "a pickle was read")
    extra = len(lab.jobs()) - verdict.jobs
    worker.stop()
    return expect(found, extra == 0, f"{extra} jobs that nobody submitted")


class Lie:
    """A forged message, and what the worker's log has to say about it."""

    def __init__(self, name: str, text: str, log: str) -> None:
        self.name, self.text, self.log = name, text, log


def forgeries(mark: Path) -> list[Lie]:
    """`mark` is a file that a pickle would make."""
    harm = pickle.dumps(Harm(mark)).decode("latin-1")
    huge = "x" * (MEGABYTES * 2**20)
    lies = [
        Lie("unknown queue", message(BELL, routing_key="nowhere"), ""),
        Lie("pickle", message(BELL, routing_key="default", arguments=harm,
                              content_type="application/x-python-serialize"), REFUSED),
        Lie("yaml", message(BELL, routing_key="default", arguments="a: 1",
                            content_type="application/x-yaml"), REFUSED),
        Lie("10 MB of arguments", message(BELL, routing_key="default", arguments=f'[["{huge}"], {{}}, {{}}]'),
            "positional argument"),
        Lie("10 MB of no JSON", message(BELL, routing_key="default", arguments=huge), UNREADABLE),
        Lie("no JSON", message(BELL, routing_key="default", arguments="{"), UNREADABLE),
        Lie("no task", json_without_task(), "Received and deleted unknown message"),
        Lie("no message", "not even JSON", NO_MESSAGE),
        Lie("null", "null", NO_MESSAGE),
        Lie("empty object", "{}", NO_MESSAGE),
    ]  # fmt: skip
    lies += [
        Lie(name, message(name, routing_key="default"), f"{UNREGISTERED} '{name}'")
        for name in (*BUILT_IN, *OTHERS)
    ]
    return lies


def json_without_task() -> str:
    """A whole message, and not one of Celery's."""
    return message("x", routing_key="default", arguments="{}").replace('"task": "x", ', "")


class Harm:
    """What reads it as a pickle makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mknod, (str(self.mark),)


def is_empty(lab: Lab, *queues: str) -> bool:
    """Whether every message was taken."""
    with lab.broker() as client:
        return not any(client.llen(queue) for queue in queues)


def has_ended(worker: WorkerProcess) -> bool:
    return worker.main.poll() is not None


def control(lab: Lab, size: Size) -> Control | None:
    """Plain Celery's messages are the work: each copy is another run."""
    if size.is_quick:
        return None
    plant = Plant(lab)
    plant.submit(JOBS)
    with plant.broker() as client:
        for text in client.lrange("celery", 0, -1):  # type: ignore[union-attr]
            client.lpush("celery", *[text] * (TIMES - 1))
    worker = plant.worker()
    plant.drain()
    lab.eventually(lambda: is_quiet(plant), what="the copies are done")
    found = plant.verdict(note=f"{plant.effects.effects().total()} runs")
    worker.kill()
    plant.redis.kill()
    return found


def is_quiet(plant: Plant) -> bool:
    with plant.broker() as client:
        return not client.llen("celery") and not client.hlen("unacked")


CASE = Case(
    15,
    "Each bell fifty times; forged bells",
    "one claim for each job; what is no task of this installation, or not JSON, is refused and logged",
    run,
)
