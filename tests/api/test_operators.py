"""Queues and schedules by program, for operators."""

import pytest
from django_celery_beat.models import PeriodicTask

from jobs.models import Queue
from jobs.schedules.fire import fire
from tests.api.conftest import BASE, post

pytestmark = pytest.mark.django_db


def test_a_queue_is_paused_with_its_reason_and_resumed(office, frame):
    paused = post(office, "/queues/frames/pause", {"reason": "repairs"}).json()
    resumed = post(office, "/queues/frames/resume").json()

    assert (paused["is_paused"], paused["pause_reason"], paused["paused_by"]) == (True, "repairs", "olga")
    assert resumed["is_paused"] is False
    assert not Queue.objects.get().is_paused


def test_a_misspelt_queue_is_not_paused(office, frame):
    assert post(office, "/queues/frmes/pause").status_code == 404
    assert not Queue.objects.exists()


@pytest.mark.parametrize("path", ["/queues", "/queues/frames", "/schedules", "/schedules/1"])
def test_others_than_operators_are_refused(api, frame, path):
    assert api.get(BASE + path).json()["code"] == "not_allowed"


def schedule(**fields) -> dict:
    return {"name": "Frames", "kind": "test.frame", "payload": {"width": 20}} | fields


@pytest.mark.parametrize(
    "when",
    [
        {"cron": "0 3 * * 1-5", "timezone": "Europe/Berlin"},
        {"every_seconds": 90},
        {"at": "2099-01-01T00:00:00+00:00"},
    ],
)
def test_a_schedule_is_made_read_replaced_switched_and_deleted(office, frame, when):
    made = post(office, "/schedules", schedule(**when))
    here = made["Location"]

    assert made.status_code == 201
    assert {name: made.json()[name] for name in when} == when
    assert office.get(here).json() == made.json()
    listed = [each["id"] for each in office.get(f"{BASE}/schedules").json()["schedules"]]
    assert made.json()["id"] in listed

    changed = office.put(here, schedule(every_seconds=5, priority=3), content_type="application/json").json()
    assert (changed["every_seconds"], changed["cron"], changed["at"], changed["priority"]) == (
        5,
        None,
        None,
        3,
    )
    assert post(office, f"{here.removeprefix(BASE)}/disable").json()["enabled"] is False
    assert post(office, f"{here.removeprefix(BASE)}/enable").json()["enabled"] is True
    assert office.delete(here).status_code == 204
    assert office.get(here).status_code == 404


def test_a_schedule_made_by_program_fires(office, frame):
    from datetime import UTC, datetime, timedelta

    made = post(office, "/schedules", schedule(every_seconds=60)).json()
    row = PeriodicTask.objects.get(pk=made["id"])
    now = datetime.now(UTC)

    fired = fire(row.pk, row.schedule, last=now - timedelta(seconds=60), now=now)

    assert fired.job is not None
    assert office.get(f"{BASE}/jobs/{fired.job}").json()["payload"]["width"] == 20


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, ""),
        ({"cron": "0 3 * * *", "every_seconds": 5}, ""),
        ({"cron": "0 3 * *"}, "/cron"),
        ({"cron": "0 3 31 2 *"}, "/cron"),
        ({"cron": "99 3 * * *"}, "/cron"),
        ({"cron": "*/0 * * * *"}, "/cron"),
        ({"cron": "a b c d e"}, "/cron"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "/timezone"),
        ({"every_seconds": 0}, "/every_seconds"),
        ({"every_seconds": 5, "kind": "test.frme"}, None),
        ({"every_seconds": 5, "payload": {"width": 1}}, "/payload/width"),
        ({"every_seconds": 5, "queue": "frmes"}, "/queue"),
        ({"every_seconds": 5, "name": "Nightly cleanup"}, "/name"),
        ({"every_seconds": 5, "priority": 101}, "/priority"),
    ],
)
def test_a_schedule_that_cannot_fire_is_refused_at_its_place(office, frame, fields, place):
    before = PeriodicTask.objects.count()

    answer = post(office, "/schedules", schedule(**fields))

    assert answer.status_code == 422, answer.content
    assert place is None or place in [wrong["pointer"] for wrong in answer.json()["errors"]]
    assert PeriodicTask.objects.count() == before
