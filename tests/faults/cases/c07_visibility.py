"""Case 7: the broker takes back after 5 s what was not acknowledged; a job takes 30 s, one is due in 60 s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from jobs.states import State
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

RUN_SECONDS = 30
DUE_SECONDS = 60
VISIBILITY = 5.0
SWEEPS = {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
"""kombu takes back what is overdue each 100 s by default; both sides look each second here, else the timeout
would not be 5 s."""
SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.fault_app.short_visibility"}


def run(size: Size) -> Iterator[Row]:
    """Two workers, so that somebody could take what is given back."""
    with Lab() as lab:
        workers = [lab.worker(**SETTINGS) for _ in range(2)]
        gate = lab.folder / "gate"
        long = lab.submit("test.once", gate=str(gate))
        due = submit_later(lab, DUE_SECONDS)
        lab.running()
        lab.eventually(
            lambda: lab.sql(
                "SELECT 1 FROM millrace_job WHERE payload ->> 'key' = %s"
                " AND clock_timestamp() > started_at + make_interval(secs => %s)",
                [long, RUN_SECONDS],
            ),
            what="it ran for 30 s",
        )
        gate.touch()
        lab.eventually(lambda: lab.state(due) == "succeeded", DUE_SECONDS + 30, "it is due")
        verdict = lab.judge()
        starts = Counter(change.job for change in lab.changes() if change.after == State.RUNNING)
        early = lab.sql("SELECT 1 FROM millrace_job WHERE started_at < run_at")
        for worker in workers:
            worker.stop()
        found = row(
            "visibility timeout 5 s", "a job of 30 s, and one due in 60 s", verdict, control=control(lab),
            note=f"{starts.total()} runs of {len(starts)} jobs",
        )  # fmt: skip
        expect(found, not early, "it ran before it was due")
        yield expect(found, sorted(starts.values()) == [1, 1], f"runs: {sorted(starts.values())}")


def submit_later(lab: Lab, seconds: float) -> str:
    """A job due by the database's clock; its key."""
    from jobs.lifecycle.submit import submit_job
    from tests.factories import make_user
    from tests.faults.account import Answer

    key = lab.key()
    ((now,),) = lab.sql("SELECT clock_timestamp()")
    submit_job("test.ok", lab.payload(key), owner=make_user("bob"), run_at=now + timedelta(seconds=seconds))
    lab.account.note(key, Answer.OK)
    return key


def control(lab: Lab) -> Control:
    """A task that takes as long, and one with a countdown."""
    plant = Plant(lab)
    workers = [plant.worker(visibility=VISIBILITY, **SWEEPS) for _ in range(2)]
    (long,) = plant.submit(1, seconds=RUN_SECONDS)
    (due,) = plant.submit(1, countdown=DUE_SECONDS)
    lab.eventually(lambda: due in plant.effects.done(), DUE_SECONDS + 60, "the plain task is due")
    effects = plant.verdict(timeout=RUN_SECONDS), plant.effects.effects()
    for worker in workers:
        worker.kill()
    plant.redis.kill()
    found, runs = effects
    note = f"the 30 s task ran {runs[long]} times, the one due in 60 s {runs[due]} times"
    return Control(found.jobs, found.lost, found.doubled, found.held, found.again, note)


CASE = Case(
    7,
    "A 30 s job, and one due in 60 s, with the broker's visibility timeout at 5 s",
    "each runs once, and not before it is due",
    run,
    has_quick=False,
)
