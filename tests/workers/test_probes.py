"""What a worker's main tells about itself."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from jobs.conf import conf
from tests import embedded_servers
from workers.canary import Canary
from workers.deaf import Deafness
from workers.http import WorkerHttp
from workers.probes import make_probes
from workers.shared import FLAGS, HEARING, Drain

pytestmark = pytest.mark.django_db
WELL = ("database", "broker", "heartbeat", "canary", "queues", "draining")


def probes_of(beat_at: float | None, *, slots: int = 1) -> WorkerHttp:
    deafness = Deafness(
        SimpleNamespace(heard_since=None, reset=lambda why: None),
        Canary(slots),
        slots=slots,
        queues=lambda: [],
    )
    return make_probes(SimpleNamespace(beat_at=beat_at), slots=slots, hearing=deafness)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A child of ours heard something just now."""
    HEARING.note()
    HEARING.end()
    yield
    FLAGS.drain = Drain.NONE
    HEARING.end()


def test_a_worker_that_is_heard_is_ready() -> None:
    probes = probes_of(time.monotonic(), slots=4)

    assert probes.ready() == (True, dict.fromkeys(WELL, "ok"))
    assert b"millrace_worker_slots 4.0" in probes.metrics()


@pytest.mark.parametrize("age", [None, conf().lease_seconds + 1])
def test_a_worker_that_was_not_heard_for_a_lease_is_not(age: float | None) -> None:
    beat_at = None if age is None else time.monotonic() - age

    is_ready, words = probes_of(beat_at).ready()

    assert not is_ready
    assert words["heartbeat"] == "not ready"


def test_a_worker_without_a_broker_hears_no_bells_and_is_not_ready() -> None:
    if embedded_servers.REDIS is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    probes = probes_of(time.monotonic())

    embedded_servers.REDIS.kill()
    try:
        is_ready, words = probes.ready()
    finally:
        embedded_servers.REDIS.start()

    assert not is_ready
    assert words["broker"] in {"unreachable", "no answer"}
    assert words["database"] == "ok"


def test_a_worker_that_heard_nothing_yet_says_so() -> None:
    HEARING._write(0, 0.0)

    is_ready, words = probes_of(time.monotonic()).ready()

    assert (is_ready, words["canary"]) == (False, "nothing was heard yet")


def test_a_worker_that_drains_is_not_ready() -> None:
    FLAGS.drain = Drain.FINISH

    is_ready, words = probes_of(time.monotonic()).ready()

    assert (is_ready, words["draining"]) == (False, "takes no new work")
