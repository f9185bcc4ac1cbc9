"""A replaced child keeps nothing of its main's connections alive."""

import os
import signal

import psutil
from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from tests.waiting import eventually
from tests.workers.conftest import StartWorker
from tests.workers.test_work import ended


def ends_of(pid: int) -> set[tuple[object, object]]:
    """Both ends of each connection; the same pair in two processes is one connection."""
    return {(found.laddr, found.raddr) for found in psutil.Process(pid).net_connections()}


def test_a_replacement_shares_no_connection_with_its_main(start_worker: StartWorker, alice: User) -> None:
    worker = start_worker(slots=1)
    (first,) = worker.children
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: [pid for pid in worker.children if pid != first], 30, "another child")
    ended(submit_job("test.ok", {}, owner=alice).id)

    assert ends_of(worker.pid), "the main is connected"
    assert not ends_of(worker.pid) & ends_of(second[0])
