"""What a worker's main tells about itself."""

import time
from types import SimpleNamespace

import pytest

from jobs.conf import conf
from tests import embedded_servers
from workers.probes import make_probes

pytestmark = pytest.mark.django_db


def test_a_worker_that_is_heard_is_ready() -> None:
    probes = make_probes(SimpleNamespace(beat_at=time.monotonic()), slots=4)

    assert probes.ready() == (True, {"database": "ok", "broker": "ok", "heartbeat": "ok"})
    assert b"millrace_worker_slots 4.0" in probes.metrics()


@pytest.mark.parametrize("age", [None, conf().lease_seconds + 1])
def test_a_worker_that_was_not_heard_for_a_lease_is_not(age: float | None) -> None:
    beat_at = None if age is None else time.monotonic() - age

    is_ready, words = make_probes(SimpleNamespace(beat_at=beat_at), slots=1).ready()

    assert not is_ready
    assert words["heartbeat"] == "not ready"


def test_a_worker_without_a_broker_hears_no_bells_and_is_not_ready() -> None:
    if embedded_servers.REDIS is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    probes = make_probes(SimpleNamespace(beat_at=time.monotonic()), slots=1)

    embedded_servers.REDIS.kill()
    try:
        is_ready, words = probes.ready()
    finally:
        embedded_servers.REDIS.start()

    assert not is_ready
    assert words["broker"] in {"unreachable", "no answer"}
    assert words["database"] == "ok"
