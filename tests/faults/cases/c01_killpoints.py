"""Case 1: the process dies at every named point of a job's life."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.door import is_rolled_back
from tests.faults.judge import Budgets
from tests.faults.lab import Lab

IN_CHILD = (
    "bell.received", "claim.before", "claim.after_commit", "run.mid", "effect.before", "effect.after",
    "settle.after", "finish.before", "finish.after_commit", "renew.before",
)  # fmt: skip
IN_RINGER = ("ring.before", "ring.after")
"""Points that every process passes that rings: a main too, whose parent is not ours to kill."""
NTH_IN_MAIN = {"sweep.after_ring": 3, "rescue.after_select": 1}
"""Points that the timers of a main pass, and the passage that kills; it needs no job to pass them."""
IN_FRONT = ("submit.before_commit", "submit.after_commit")
QUICK = frozenset({"claim.after_commit", "effect.after", "finish.before", "submit.before_commit"})
PLAIN = {"run.mid": "before", "effect.before": "before", "effect.after": "after", "finish.before": "after"}
"""Where plain Celery has the same moment: before the effect, and between it and the acknowledgement."""
FIRST = frozenset({"renew.before", "bell.received"})
"""Points that a child may pass only once under this load; at the others the third passage kills.

The ringer's first is a main's canary, before anything runs: there the second."""
JOBS = 50


def run(size: Size) -> Iterator[Row]:
    """A child dies at each point, then its main; then mains in their timers, the front, and Beat."""
    with Lab() as lab:
        for point in IN_CHILD:
            for action, who in (("kill", "child"), ("kill_main", "main")):
                if size.wants(f"{point}, {who}", in_quick=point in QUICK and who == "child"):
                    yield kill_worker(lab, point, action, who, size)
        for point in IN_RINGER:
            if size.wants(point, in_quick=False):
                yield kill_worker(lab, point, "kill", "child or main that rings", size)
        for point in NTH_IN_MAIN:
            if size.wants(point, in_quick=False):
                yield kill_timers(lab, point, size)
        for point in IN_FRONT:
            if size.wants(point, in_quick=point in QUICK):
                yield kill_front(lab, point, size)
        if size.wants("tick.after_insert", in_quick=False):
            yield kill_beat(lab)


def kill_worker(lab: Lab, point: str, action: str, who: str, size: Size) -> Row:
    """Two workers with two children each; one of the four, or its main, dies there."""
    lab.next_round()
    nth = 1 if point in FIRST else 2 if point in IN_RINGER else 3
    victims = [lab.worker(slots=2, FAILPOINT=f"{point}:{action}:{nth}") for _ in range(2)]
    gate = lab.folder / "gate"
    gate.unlink(missing_ok=True)
    if point == "renew.before":
        lab.submit("test.once", gate=str(gate))  # lasts until a heartbeat was due
    lab.submit_mix(size.of(JOBS, 18))
    lab.reached(point)
    gate.touch()
    verdict = lab.judge()
    for victim in victims:
        victim.stop()
    return row(point, f"SIGKILL to the {who}", verdict, control=control(lab, point, action, size))


def kill_timers(lab: Lab, point: str, size: Size) -> Row:
    """A main dies in its timers, in the middle of a transaction for rescue; another has to do the same."""
    lab.next_round()
    # A child that dies when its main is to rescue its job leaves a lease to run out.
    lost = lab.worker(slots=1, FAILPOINT="run.mid:kill_main")
    lab.submit_mix(size.of(JOBS, 18))
    lab.reached("run.mid")
    lost.stop()
    lab.eventually(lambda: lab.sql(RUN_OUT), what="the lease runs out: the next rescue finds its job")
    # The first passage is before it listens: the sweep's. A rescue waits for two heartbeats by itself.
    victims = [lab.worker(slots=2, FAILPOINT=f"{point}:kill:{NTH_IN_MAIN[point]}") for _ in range(2)]
    lab.reached(point)
    # Until the second one listens nobody was there who could have recovered: neither fault counts before.
    lab.faults.clear()
    lab.struck()
    verdict = lab.judge(Budgets(uncharged=2, why="from when the other worker listens"))
    for victim in victims:
        victim.stop()
    return row(point, "SIGKILL to the main in its timers", verdict)


RUN_OUT = "SELECT 1 FROM millrace_job WHERE lease < clock_timestamp()"


def kill_front(lab: Lab, point: str, size: Size) -> Row:
    """The process that submits dies before or after its commit."""
    lab.next_round()
    worker = lab.worker()
    jobs = size.of(JOBS, 10)
    rolled_back = sum(map(is_rolled_back, range(jobs - 1)))
    nth = jobs if point == "submit.before_commit" else jobs - rolled_back
    door = lab.door(FAILPOINT=f"{point}:kill:{nth}")
    answers = door.submit_some(jobs - 1, "test.once")
    lab.drain()  # nobody is awake any more, and no later bell wakes anybody for the job nobody rang for
    answers[door.submit("test.once")[1]] += 1
    lab.struck((lab.once / point).stat().st_mtime)
    verdict = lab.judge()
    worker.stop()
    door.stop()
    found = row(
        point, "SIGKILL to the front", verdict,
        note=f"{answers[Answer.UNKNOWN]} answer unknown, {rolled_back} submits rolled back",
    )  # fmt: skip
    expect(found, answers[Answer.FAILED] == rolled_back, f"the door answered {answers}")
    return expect(found, answers[Answer.UNKNOWN] == 1, "the front did not die")


def kill_beat(lab: Lab) -> Row:
    """Beat dies between a schedule's job and its own note that it ran; the next Beat fires once."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    lab.next_round()
    key = lab.key()
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    schedule = PeriodicTask.objects.create(
        name="faults", task="test.once", interval=every, one_off=True, kwargs=json.dumps(lab.payload(key))
    )
    worker = lab.worker()
    first = lab.beat(FAILPOINT="tick.after_insert:kill")
    lab.reached("tick.after_insert")
    first.wait(10)
    second = lab.beat()
    lab.eventually(lambda: lab.state(key) == "succeeded", what="the next Beat fires")
    lab.account.note(key, Answer.OK)
    verdict = lab.judge()
    second.kill()
    worker.stop()
    schedule.delete()
    found = row("tick.after_insert", "SIGKILL to Beat", verdict, control_note="plain Beat keeps no such note")
    return expect(found, len(lab.jobs()) == 1, f"one firing made {len(lab.jobs())} jobs")


def control(lab: Lab, point: str, action: str, size: Size) -> Control | None:
    """The same with plain Celery, where it has that moment."""
    if point not in PLAIN or size.is_quick:
        return None
    plant = Plant(lab, f"control-{point}-{action}")
    workers = [plant.worker() for _ in range(2)]
    plant.submit(JOBS // 2)
    plant.submit(1, do=f"{action}@{PLAIN[point]}")
    plant.submit(JOBS // 2)
    found = plant.verdict()
    for worker in workers:
        worker.kill()
    plant.redis.kill()
    return found


CASE = Case(
    1,
    "Kill at every failpoint of a job's life, in child, main, front and Beat",
    "nothing is lost, no attempt finished twice, attempts bounded, effects once or uncertain",
    run,
)
