"""So many in a minute, and so many that wait; and nobody is refused because Redis is away."""

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import override_settings

from jobs import rate
from jobs.api import limits
from jobs.api.doorway import told
from jobs.bucket import Empty, draw
from jobs.models import Job
from jobs.tokens import find_token, make_token
from tests.api.conftest import post
from tests.factories import make_job
from tests.waiting import eventually

BODY = {"kind": "test.frame", "payload": {"width": 20}}


@pytest.mark.django_db
def test_beyond_the_limit_a_program_is_told_when_to_come_back(api, office, frame, setting):
    setting(submits_per_minute=2)

    answers = [post(api, "/jobs", BODY) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer["RateLimit"].partition(";t")[0] for answer in answers] == [
        '"submits";r=1', '"submits";r=0', '"submits";r=0',
    ]  # fmt: skip
    assert answers[2]["RateLimit-Policy"] == '"submits";q=2;w=60'
    assert 0 < int(answers[2]["Retry-After"]) <= 30
    assert answers[2].json()["code"] == "busy"
    assert Job.objects.count() == 2
    assert post(office, "/jobs", BODY).status_code == 202, "another's bucket is another"


@pytest.mark.django_db
def test_an_answer_names_every_limit_that_was_drawn_from(rf, submitter, setting):
    setting(submits_per_minute=60, waits_per_minute=30)
    request = rf.post("/")
    request.auth = find_token(make_token(submitter, name="tests", scopes=["submit"]).secret)

    limits.count_submits(request)
    limits.count_wait(request)
    answer = told(request, HttpResponse())

    assert answer["RateLimit-Policy"] == '"submits";q=60;w=60, "waits";q=30;w=60'
    assert re.fullmatch(r'"submits";r=59;t=\d+, "waits";r=29;t=\d+', answer["RateLimit"])


@pytest.mark.django_db
def test_a_batch_counts_each_of_its_jobs(api, frame, setting):
    setting(submits_per_minute=3)

    answers = [post(api, "/jobs/batch", {"jobs": [BODY] * 2}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.django_db
def test_without_a_limit_nobody_is_asked(api, frame, monkeypatch):
    monkeypatch.setattr(rate, "ask", lambda *_: pytest.fail("asked"))

    assert "RateLimit" not in post(api, "/jobs", BODY)


def test_a_bucket_holds_when_all_draw_at_once():
    who = uuid4().hex

    def take(_) -> bool:
        try:
            draw("test", who, per_minute=10)
        except Empty:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(60))) in (10, 11), "one may flow in meanwhile"


def test_a_bucket_fills_again():
    who = uuid4().hex
    draw("test", who, per_minute=60_000, count=60_000)

    def holds(count: int) -> bool:
        try:
            return draw("test", who, per_minute=60_000, count=count) is not None
        except Empty:
            return False

    assert not holds(60_000), "that takes a minute"
    eventually(lambda: holds(100), what="a hundred of a thousand a second have flowed in")


def test_without_redis_everybody_passes(caplog):
    backend = "django.core.cache.backends.redis.RedisCache"
    away = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    with override_settings(CACHES=away):
        assert draw("test", "anybody", per_minute=1) is None
        assert draw("test", "anybody", per_minute=1) is None

    assert caplog.text.count("rate_limit_open") == 1


def test_another_cache_than_redis_counts_nobody():
    backend = "django.core.cache.backends.locmem.LocMemCache"
    with override_settings(CACHES={"default": {"BACKEND": backend}}):
        assert draw("test", "anybody", per_minute=1) is None


@pytest.mark.django_db
def test_a_quota_of_waiting_jobs_is_held(api, frame, submitter, setting):
    setting(waiting_quota=3)
    make_job("queued", owner=submitter)
    make_job("succeeded", owner=submitter)
    make_job("queued")

    answers = [post(api, "/jobs", BODY) for _ in range(3)]

    assert [answer.status_code for answer in answers][:1] == [202]
    assert (answers[2].status_code, answers[2].json()["code"]) == (429, "quota")
    assert int(answers[2]["Retry-After"]) > 0
