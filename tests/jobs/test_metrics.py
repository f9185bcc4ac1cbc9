"""Counting in memory, adding to the table."""

import os
import threading

import pytest

from jobs import metrics
from jobs.database import DJANGO, Database, Params, Row
from jobs.metrics import Metric
from jobs.models import Tally

pytestmark = pytest.mark.django_db


class Unreachable:
    """A database that is away."""

    def rows(self, sql: str, params: Params | None = None) -> list[Row]:
        raise ConnectionError("the database is away")


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    metrics._start_empty()


def test_counts_of_many_threads_arrive_in_the_table_once() -> None:
    threads = [
        threading.Thread(target=lambda: [metrics.count(Metric.SUBMITTED, "a.b") for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    metrics.flush(DJANGO)
    metrics.flush(DJANGO)

    assert Tally.objects.get(metric="submitted", kind="a.b").value == 2000


def test_a_flush_adds_to_what_others_counted() -> None:
    for _ in range(2):
        metrics.count(Metric.FINISHED, "a.b", "succeeded", by=3)
        metrics.flush(DJANGO)

    assert Tally.objects.get(metric="finished", outcome="succeeded").value == 6


def test_a_duration_raises_one_bucket_and_the_sum() -> None:
    for seconds in (0.004, 0.3, 5000):
        metrics.observe(Metric.RUN, "a.b", [seconds])

    metrics.flush(DJANGO)

    found = dict(Tally.objects.filter(metric="run").values_list("bucket", "value"))
    assert found == {"0.005": 1, "0.5": 1, "+Inf": 1, "sum": 5000.304}


def test_what_could_not_be_flushed_is_kept() -> None:
    metrics.count(Metric.STARTED, "a.b")
    away: Database = Unreachable()  # type: ignore[assignment]

    with pytest.raises(ConnectionError):
        metrics.flush(away)
    metrics.count(Metric.STARTED, "a.b")
    metrics.flush(DJANGO)

    assert Tally.objects.get(metric="started").value == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_does_not_count_again_what_its_parent_counted() -> None:
    metrics.count(Metric.STARTED, "a.b")

    child = os.fork()
    if child == 0:
        os._exit(len(metrics.pending()))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(metrics.pending()) == 1
