"""What a web process counts reaches the tallies by itself."""

from dataclasses import replace

import pytest

from jobs import flusher, metrics
from jobs.conf import conf
from jobs.flusher import Flusher
from jobs.models import Tally
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    metrics._start_empty()


def test_counts_are_flushed_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = replace(conf(), flush_seconds=0.05)
    monkeypatch.setattr(flusher, "conf", lambda: quick)
    running = Flusher()
    running.start()
    try:
        metrics.count("submitted", "a.b")

        assert eventually(lambda: Tally.objects.filter(metric="submitted", value=1).exists())
    finally:
        running.stop()


def test_what_was_counted_last_is_flushed_at_the_end() -> None:
    running = Flusher()
    running.start()
    metrics.count("submitted", "a.b")

    running.stop()

    assert Tally.objects.get(metric="submitted").value == 1
