"""The schedules an installation begins with."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from jobs.registry import KINDS
from jobs.schedules.defaults import DEFAULTS, make_defaults

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_yet(db: None) -> None:
    PeriodicTask.objects.all().delete()


def test_an_installation_begins_with_a_nightly_cleanup_and_an_hourly_report() -> None:
    make_defaults(apps)

    made = {row.task: str(row.crontab) for row in PeriodicTask.objects.select_related("crontab")}
    assert made["cleanup.run"].startswith("0 3 * * *")
    assert made["reports.build"].startswith("0 * * * *")


def test_what_an_adopter_changed_survives() -> None:
    make_defaults(apps)
    PeriodicTask.objects.filter(task="cleanup.run").update(enabled=False, kwargs='{"dry_run": true}')

    make_defaults(apps)

    [kept] = PeriodicTask.objects.filter(task="cleanup.run")
    assert (kept.enabled, kept.kwargs) == (False, '{"dry_run": true}')


def test_two_equal_crontabs_do_no_harm() -> None:
    for _ in range(2):
        CrontabSchedule.objects.create(minute="0", hour="3", timezone="UTC")

    make_defaults(apps)

    assert PeriodicTask.objects.count() == len(DEFAULTS)


def test_a_running_beat_is_told() -> None:
    before = timezone.now()

    make_defaults(apps)

    assert PeriodicTasks.objects.get(ident=1).last_update >= before


@pytest.mark.parametrize("given", DEFAULTS, ids=lambda given: given["task"])
def test_every_default_fits_its_kind(given: dict[str, Any]) -> None:
    kind = KINDS.find(given["task"])

    assert kind.validate(json.loads(json.dumps(given["payload"])))


def test_the_migration_makes_them() -> None:
    call_command("migrate", "millrace_jobs", "0002_roles", verbosity=0)
    call_command("migrate", "millrace_jobs", verbosity=0)

    assert PeriodicTask.objects.count() == len(DEFAULTS)
