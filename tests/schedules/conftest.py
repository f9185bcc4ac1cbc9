"""A kind to schedule, and a Beat to fire it, tick by tick, at a time of the test's choosing."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pydantic
import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from celery_app import app
from jobs.registry import KINDS
from jobs.schedules import Scheduler
from tests.running import make_kind

KIND = "tests.note"


class Note(pydantic.BaseModel, extra="forbid"):
    """What a test's schedule asks for."""

    text: str


@pytest.fixture(autouse=True)
def note_kind() -> Iterator[None]:
    KINDS.add(make_kind(KIND, Note, queue="notes"))
    yield
    del KINDS._kinds[KIND]


@pytest.fixture
def no_schedules(transactional_db: None) -> None:
    """Not even those an installation begins with."""
    PeriodicTask.objects.all().delete()


@pytest.fixture
def make_schedule(no_schedules: None) -> Callable[..., PeriodicTask]:
    """A schedule that is due: it should have run a minute ago."""

    def make(name: str = "every so often", task: str = KIND, **fields: object) -> PeriodicTask:
        every = IntervalSchedule.objects.get_or_create(every=10, period="minutes")[0]
        ran = timezone.now() - timedelta(minutes=11)
        columns = {"interval": every, "kwargs": '{"text": "hello"}', "last_run_at": ran} | fields
        return PeriodicTask.objects.create(name=name, task=task, **columns)

    return make


@pytest.fixture
def nightly(no_schedules: None) -> CrontabSchedule:
    return CrontabSchedule.objects.create(minute="0", hour="3", timezone="UTC")


@pytest.fixture
def make_beat(no_schedules: None) -> Iterator[Callable[[], Scheduler]]:
    """A Beat of this process; `run` ticks until nothing is due."""
    made: list[Scheduler] = []

    def make() -> Scheduler:
        made.append(Scheduler(app=app))
        return made[-1]

    yield make
    for beat in made:
        beat._dirty.clear()
        beat._finalize.cancel()


def run_due(beat: Scheduler) -> float:
    """Tick as Celery's service does, until it would sleep; for how long."""
    for _ in range(50):
        if seconds := beat.tick():
            return seconds
    raise AssertionError("Beat fires without end")
