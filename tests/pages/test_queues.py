"""The operators' page: how deep, how old, who works, what is paused."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from jobs.lines import queue_lines
from jobs.models import Job, Queue, Worker
from tests.factories import make_job

pytestmark = pytest.mark.django_db


def make_worker(name: str, *queues: str, **fields) -> Worker:
    columns = {"pid": 1, "version": "0.1.0", "kinds": [], "slots": 2} | fields
    return Worker.objects.create(id=uuid7(), name=name, queues=list(queues), **columns)


def line_of(name: str):
    return next(line for line in queue_lines() if line.name == name)


def test_a_queue_shows_how_much_waits_how_long_and_who_works():
    for state in ("queued", "queued", "running", "scheduled", "retrying", "succeeded"):
        make_job(state, queue="deep")
    make_worker("one", "deep", "other")
    make_worker("silent", "deep", beat_at=timezone.now() - timedelta(hours=1))
    make_worker("leaving", "deep", is_draining=True)

    line = line_of("deep")

    assert (line.queued, line.running, line.later, line.workers) == (2, 1, 2, 1)
    assert 0 <= line.oldest.total_seconds() < 60


def test_a_job_that_was_due_later_is_not_old_before_it_is_due():
    make_job("queued", queue="deep", run_at=timezone.now() - timedelta(seconds=1))
    Job.objects.update(created_at=timezone.now() - timedelta(hours=1))

    assert line_of("deep").oldest < timedelta(minutes=1)


def test_queues_of_kinds_workers_and_pauses_are_listed_even_if_empty():
    make_worker("one", "of-a-worker")
    Queue.objects.create(name="of-a-pause")

    names = {line.name for line in queue_lines()}

    assert {"default", "of-a-worker", "of-a-pause"} <= names


def test_pausing_and_resuming_by_the_page(office, silence):
    answer = office.post("/queues/deep/pause", {"reason": "the river is low"}, follow=True)
    text = answer.content.decode()
    assert "the river is low" in text and "Paused by olga" in text
    assert Queue.objects.get(name="deep").is_paused

    office.post("/queues/deep/resume")

    assert not Queue.objects.get(name="deep").is_paused
    assert "was not paused" in office.post("/queues/deep/resume", follow=True).content.decode()


@pytest.mark.parametrize("name", ["UPPER", "a b", "%00", "x" * 200])
def test_a_queue_without_a_proper_name_is_not_there(office, name):
    assert office.post(f"/queues/{name}/pause").status_code == 404
    assert not Queue.objects.exists()


def test_a_reason_with_odd_characters_is_kept(office):
    office.post("/queues/deep/pause", {"reason": "\0<b>" + "x" * 500})

    assert len(Queue.objects.get(name="deep").pause_reason) == 200
    assert "<b>" not in office.get("/queues").content.decode()


def test_workers_say_whether_they_are_heard(office):
    make_worker("here", "deep")
    make_worker("silent", "deep", beat_at=timezone.now() - timedelta(hours=1))
    make_worker("leaving", "deep", is_draining=True)

    text = office.get("/queues").content.decode()

    states = dict(zip(re.findall(r"<strong>(here|silent|leaving)</strong>", text),
                      re.findall(r"</svg>\s*(live|silent|draining)</span>", text), strict=True))  # fmt: skip
    assert states == {"here": "live", "silent": "silent", "leaving": "draining"}


def test_a_worker_that_was_started_again_is_not_missed(office):
    make_worker("one", "deep", beat_at=timezone.now() - timedelta(hours=1), pid=111)
    make_worker("one", "deep", pid=222)
    make_worker("two", "deep", beat_at=timezone.now() - timedelta(hours=1), pid=333)

    text = office.get("/queues").content.decode()

    assert "process 222" in text and "process 333" in text
    assert "process 111" not in text
