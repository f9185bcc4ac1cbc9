"""Schedules in the admin."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from jobs.models import Job
from tests.schedules.conftest import KIND

MakeSchedule = Callable[..., PeriodicTask]
LIST = "/admin/django_celery_beat/periodictask/"
ADD = f"{LIST}add/"


@pytest.fixture
def admin(no_schedules: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def form(nightly: CrontabSchedule) -> dict[str, object]:
    return {"name": "notes", "regtask": KIND, "enabled": "on", "crontab": nightly.pk, "args": "[]"}


def test_kinds_are_offered(admin: Client) -> None:
    page = admin.get(ADD).content.decode()

    assert f'<option value="{KIND}">' in page
    assert "Kinds of jobs" in page
    assert 'value="millrace.' not in page


def test_a_payload_that_fits_is_saved(admin: Client, form: dict[str, object]) -> None:
    answer = admin.post(ADD, form | {"kwargs": '{"text": "hello"}'})

    assert answer.status_code == 302, answer.context["errors"]
    assert PeriodicTask.objects.get().task == KIND


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kwargs": '{"txt": "hello"}'}, "text: Field required"),
        ({"kwargs": "[1]"}, "the keyword arguments must be a JSON object"),
        ({"kwargs": '{"text": "hello"}', "args": "[1]"}, "a kind takes no positional arguments"),
        ({"kwargs": '{"text": "hello"}', "priority": "101"}, "priority is at most 100"),
    ],
)
def test_what_would_be_refused_is_not_saved(
    admin: Client, form: dict[str, object], fields: dict[str, object], sentence: str
) -> None:
    page = admin.post(ADD, form | fields)

    assert sentence in page.content.decode()
    assert not PeriodicTask.objects.exists()


def test_the_list_tells_what_no_longer_fits(admin: Client, make_schedule: MakeSchedule) -> None:
    make_schedule("good")
    make_schedule("bad", kwargs="{}")
    make_schedule("gone", task="shop.tasks.count")

    page = admin.get(LIST).content.decode()

    assert page.count("text: Field required") == 1
    assert page.count("No kind or task of this name here.") == 1


def test_a_schedule_is_run_now_as_a_job_of_whoever_asked(admin: Client, make_schedule: MakeSchedule) -> None:
    schedule = make_schedule()

    admin.post(LIST, {"action": "run_tasks", "_selected_action": [schedule.pk]})

    job = Job.objects.get()
    assert (job.owner.get_username(), job.door, job.payload) == ("ada", "admin", {"text": "hello"})


def test_what_no_longer_fits_is_told_when_it_is_run(admin: Client, make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(kwargs="{}")

    page = admin.post(LIST, {"action": "run_tasks", "_selected_action": [schedule.pk]}, follow=True)

    assert "text: Field required" in page.content.decode()
    assert not Job.objects.exists()
