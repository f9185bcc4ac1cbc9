"""Case 12: the broker is down while schedules are due."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.lab import Lab

FIRES = 12
EVERY_SECONDS = 1
DOWN_SECONDS = 12.0


def run(size: Size) -> Iterator[Row]:
    """Beat runs when the broker dies; then Beat starts while it is dead."""
    with Lab() as lab:
        if size.wants("Beat runs"):
            yield missed(lab, is_running=True, size=size)
        if size.wants("Beat starts", in_quick=False):
            yield missed(lab, is_running=False, size=size)


def missed(lab: Lab, *, is_running: bool, size: Size) -> Row:
    """Single firings, a second apart, of jobs with keys of their own, all while no broker is there."""
    lab.next_round()
    fires = size.of(FIRES, 3)
    worker = lab.worker()
    beat = lab.beat() if is_running else None
    lab.redis.kill()
    keys = schedule(lab, fires)
    beat = beat or lab.beat()
    lab.eventually(
        lambda: sum(bool(lab.state(key)) for key in keys) == fires,
        90,
        "every due run exists, without a broker",
    )
    still_down = lab.count("succeeded") == 0
    lab.redis.start()
    lab.struck()
    verdict = lab.judge()
    late = lab.sql(
        "SELECT max(extract(epoch FROM job.created_at - clock.clocked_time))::float8"
        " FROM millrace_job AS job JOIN django_celery_beat_periodictask AS task"
        " ON task.kwargs::jsonb ->> 'key' = job.payload ->> 'key'"
        " JOIN django_celery_beat_clockedschedule AS clock ON clock.id = task.clocked_id"
    )[0][0]
    beat.kill()
    beat.wait(10)
    worker.stop()
    found = row(
        "Beat runs" if is_running else "Beat starts", f"no broker at {fires} fire times", verdict,
        control=control(lab) if is_running and not size.is_quick else None,
        control_note="" if is_running else "see above",
        note=f"the last job existed {late:.1f} s after its time, with the broker away",
    )  # fmt: skip
    expect(found, still_down, "something ran without a broker: the fault did not reach it")
    expect(found, lab.count("succeeded") == fires, f"{lab.count('succeeded')} of {fires} runs succeeded")
    return expect(found, len(lab.jobs()) == fires, f"{len(lab.jobs())} jobs of {fires} firings")


def schedule(lab: Lab, fires: int) -> list[str]:
    """Schedules that are due once each, from two seconds on; the keys of their effects."""
    from django_celery_beat.models import ClockedSchedule, PeriodicTask

    PeriodicTask.objects.filter(name__startswith="faults").delete()
    begin, keys = datetime.now(UTC) + timedelta(seconds=2), []
    for number in range(fires):
        at = begin + timedelta(seconds=number * EVERY_SECONDS)
        key = lab.key()
        PeriodicTask.objects.create(
            name=f"faults {key}", task="test.once", one_off=True, kwargs=json.dumps(lab.payload(key)),
            clocked=ClockedSchedule.objects.create(clocked_time=at),
        )  # fmt: skip
        lab.account.note(key, Answer.OK)
        keys.append(key)
    return keys


def control(lab: Lab) -> Control:
    """Plain Beat with a task for every second; its runs are counted over the time it was alive."""
    plant = Plant(lab)
    worker = plant.worker()
    beat = plant.beat(EVERY_SECONDS, "tick")
    lab.eventually(lambda: runs(plant) >= 2, what="plain Beat fires")
    before, begun = runs(plant), time.monotonic()
    plant.redis.kill()
    lab.eventually(lambda: time.monotonic() > begun + DOWN_SECONDS, what="twelve fire times pass")
    plant.redis.start()
    back = time.monotonic()
    lab.eventually(lambda: time.monotonic() > back + DOWN_SECONDS, what="as many again pass")
    due, ran = round((time.monotonic() - begun) / EVERY_SECONDS), runs(plant) - before
    beat.kill()
    beat.wait(10)
    worker.kill()
    plant.redis.kill()
    note = f"of {due} runs due, {round(back - begun)} of them without a broker, {ran} happened"
    return Control(due, max(0, due - ran), 0, note=note)


def runs(plant: Plant) -> int:
    return plant.effects.effects()["tick"]


CASE = Case(
    12,
    "Broker down over fire times",
    "every due run exists, and runs once the broker is back",
    run,
)
