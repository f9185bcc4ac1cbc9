"""Case 1: the process dies at every named point of a job's life."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, row
from tests.faults.control.plant import Control, Plant
from tests.faults.judge import Budgets
from tests.faults.lab import RECOVERY, Lab

IN_CHILD = (
    "bell.received", "claim.before", "claim.after_commit", "run.mid", "effect.before", "effect.after",
    "settle.after", "finish.before", "finish.after_commit", "renew.before",
)  # fmt: skip
IN_MAIN = ("sweep.after_ring", "ring.before", "ring.after")
IN_FRONT = ("submit.before_commit", "submit.after_commit")
QUICK = {"claim.after_commit", "effect.after", "finish.before", "finish.after_commit", "submit.before_commit"}
PLAIN = {"run.mid": "before", "effect.before": "before", "effect.after": "after", "finish.before": "after"}
"""Where plain Celery has the same moment: before the effect, and between the effect and the acknowledgement."""
JOBS = 50
SLOW = {"renew.before": "gate"}


def run(size: Size) -> Iterator[Row]:
    """A child dies at each point, then its main; then the front in the middle of a submit."""
    with Lab() as lab:
        for point in IN_CHILD:
            for action, who in (("kill", "child"), ("kill_main", "main")):
                if size.is_quick and (point not in QUICK or who == "main"):
                    continue
                yield kill_worker(lab, point, action, who, size)
        for point in IN_FRONT:
            if not size.is_quick or point in QUICK:
                yield kill_front(lab, point, size)


def kill_worker(lab: Lab, point: str, action: str, who: str, size: Size) -> Row:
    """Two workers with two children each; the third passage kills."""
    lab.next_round()
    nth = 1 if point in {"renew.before", "bell.received"} else 3
    victims = [lab.worker(slots=2, FAILPOINT=f"{point}:{action}:{nth}") for _ in range(2)]
    gate = lab.folder / "gate"
    gate.unlink(missing_ok=True)
    if point == "renew.before":
        lab.submit("test.once", gate=str(gate))  # a job that lasts until the heartbeat beat
    lab.submit_mix(size.of(JOBS, 18))
    lab.reached(point)
    gate.touch()
    verdict = lab.judge(Budgets(recovery=None if size.is_quick else RECOVERY))
    for victim in victims:
        victim.stop()
    return row(point, f"SIGKILL to the {who}", verdict, control=control(lab, point, action, size))


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


def kill_front(lab: Lab, point: str, size: Size) -> Row:
    """The process that submits dies before or after its commit."""
    lab.next_round()
    worker = lab.worker()
    door = lab.door(FAILPOINT=f"{point}:kill:3")
    answers = [door.submit("test.once")[1] for _ in range(size.of(JOBS, 10))]
    lab.struck((lab.once / point).stat().st_mtime)
    verdict = lab.judge()
    worker.stop()
    door.stop()
    found = row(
        point, "SIGKILL to the front", verdict, note=f"{answers.count(Answer.UNKNOWN)} answer unknown"
    )
    return found


CASE = Case(
    1,
    "Kill at every failpoint of a job's life, in child, main and front",
    "nothing is lost, no attempt finished twice, attempts bounded, effects once or uncertain",
    run,
)
