"""The page that Prometheus reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from core.snapshot import DEPTH
from jobs import metrics
from jobs.database import DJANGO
from jobs.models import Queue, Tally, Worker
from tests.factories import make_job

pytestmark = pytest.mark.django_db(transaction=True)
PUBLIC = "https://mill.example.org"


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    metrics._start_empty()
    yield
    metrics._start_empty()


def scrape(client: Client, **headers: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_what_every_process_counted_is_shown(client: Client) -> None:
    metrics.count("finished", "a.b", "succeeded", by=2)
    for seconds in (0.02, 0.3, 5000):
        metrics.observe("run", "a.b", [seconds])
    metrics.flush(DJANGO)

    found = scrape(client)

    assert found["millrace_jobs_finished_total", (("kind", "a.b"), ("outcome", "succeeded"))] == 2
    assert found["millrace_job_run_seconds_bucket", (("kind", "a.b"), ("le", "0.025"))] == 1
    assert found["millrace_job_run_seconds_bucket", (("kind", "a.b"), ("le", "3600"))] == 2
    assert found["millrace_job_run_seconds_count", (("kind", "a.b"),)] == 3
    assert found["millrace_job_run_seconds_sum", (("kind", "a.b"),)] == pytest.approx(5000.32)


def test_depth_and_age_are_told_by_queue_and_state(client: Client) -> None:
    now = datetime.now(UTC)
    make_job("queued", queue="images", created_at=now - timedelta(minutes=5))
    make_job("queued", queue="images", ready=False)
    make_job(
        "queued", queue="mail", created_at=datetime.now(UTC) - timedelta(days=1), run_at=datetime.now(UTC)
    )
    make_job("running", queue="images")
    make_job("retrying", queue="images")
    make_job("succeeded", queue="images")

    found = scrape(client)

    depth = {labels: value for (name, labels), value in found.items() if name == "millrace_queue_depth"}
    assert depth == {
        (("queue", "images"), ("state", "queued")): 2,
        (("queue", "images"), ("state", "running")): 1,
        (("queue", "images"), ("state", "retrying")): 1,
        (("queue", "mail"), ("state", "queued")): 1,
    }
    assert found["millrace_queue_oldest_seconds", (("queue", "images"),)] == pytest.approx(300, abs=30)
    assert found["millrace_queue_oldest_seconds", (("queue", "mail"),)] == pytest.approx(0, abs=30)


def test_only_workers_that_were_heard_are_counted(client: Client) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for name, fields in {"a": {}, "b": {"beat_at": long_ago}, "c": {"is_draining": True}}.items():
        Worker.objects.create(
            id=uuid4(), name=name, pid=1, version="1", queues=["mail"], kinds=[], slots=4, **fields
        )
    Queue.objects.create(name="mail", is_paused=True)

    found = scrape(client)

    assert found["millrace_workers", (("queue", "mail"),)] == 1
    assert found["millrace_worker_slots", (("queue", "mail"),)] == 4
    assert found["millrace_queue_paused", (("queue", "mail"),)] == 1


def test_openmetrics_is_spoken_to_whoever_asks_for_it(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.content.endswith(b"# EOF\n")


def test_a_stranger_is_refused(client: Client, settings: Settings) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 403

    settings.PUBLIC_URL = PUBLIC
    assert client.get("/metrics").status_code == 403


def test_the_token_opens_from_anywhere_and_nothing_else_does(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.PUBLIC_URL = "s3cret", PUBLIC

    right = client.get("/metrics", headers={"Authorization": "Bearer s3cret"}, REMOTE_ADDR="192.0.2.7")
    wrong = client.get("/metrics", headers={"Authorization": "Bearer other"})

    assert (right.status_code, wrong.status_code) == (200, 403)


def test_a_counter_that_is_flushed_twice_is_one_series(client: Client) -> None:
    for _ in range(2):
        metrics.count("submitted", "a.b")
        metrics.flush(DJANGO)

    assert Tally.objects.filter(metric="submitted").count() == 1
    assert scrape(client)["millrace_jobs_submitted_total", (("kind", "a.b"),)] == 2


def test_finished_jobs_are_never_looked_at(client: Client) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + DEPTH)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Seq Scan" not in plan
