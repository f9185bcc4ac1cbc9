"""Webhooks under faults: whatever dies, breaks off or hangs, every end of a job is told, under one id.

The ledger is ours (the deliveries), the receiver is the outside world. They agree when every job that ended
has one delivery for the endpoint, and the receiver has seen each delivery's id, and no other.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection

from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, WebhookDelivery
from jobs.outbox import CARRIER
from jobs.webhooks.message import message_id
from tests.faults.proxy import Proxy
from tests.waiting import eventually
from tests.webhooks.conftest import make_endpoint
from tests.webhooks.receiver import Handler, Receiver, answer
from tests.webhooks.test_on_a_worker import let_in
from tests.worker_process import SHORT_LEASE
from tests.workers.conftest import StartWorker, empty_broker, start_worker

__all__ = ["empty_broker", "start_worker"]
pytestmark = pytest.mark.django_db(transaction=True)
JOBS = 30
KILLED_AT = {2, 9, 16, 23, 30}


@pytest.fixture
def proxy(inbox: Receiver) -> Iterator[Proxy]:
    """The wire between us and the receiver."""
    between = Proxy(inbox.port)
    yield between
    between.close()


def end_some(owner: User) -> list[UUID]:
    ids = submit_many("test.ok", ({"key": str(n)} for n in range(JOBS // 2)), owner=owner)
    return ids + submit_many("test.tiny", ({"key": str(n)} for n in range(JOBS // 2)), owner=owner)


def agree(ids: list[UUID], inbox: Receiver, *, timeout: float = 40) -> Counter[str]:
    """Ledger and receiver agree; how often each id was seen."""

    def all_is_told() -> bool:
        told = WebhookDelivery.objects.exclude(delivered_at=None).count()
        left = Job.objects.exclude(state="succeeded").values_list("kind", "state", "code", "error", "crashes")
        assert told >= len(ids) and not left, f"{told} of {len(ids)} told; left are {list(left)}"
        return True

    eventually(all_is_told, timeout=timeout, what="every job ends and every end is told")
    ledger = list(WebhookDelivery.objects.values_list("job", "event"))
    assert sorted(ledger) == sorted((id, "job.succeeded") for id in ids)
    seen = Counter(inbox.ids)
    assert set(seen) == {message_id(id) for id in WebhookDelivery.objects.values_list("id", flat=True)}
    for name in seen:  # a repetition says what the first one said
        assert len({r.body for r in inbox.requests if r.headers["webhook-id"] == name}) == 1
    return seen


@pytest.mark.parametrize("point", ["claim.after_commit", "finish.before", "finish.after_commit"])
def test_a_worker_that_dies_around_the_end_of_jobs_loses_no_event(
    start_worker: StartWorker, inbox: Receiver, alice: User, tmp_path: Path, point: str
) -> None:
    """Died after: the line of the failpoint. What was committed was committed with its events."""
    make_endpoint(inbox.url, alice)
    once = tmp_path / "once"
    once.mkdir()
    faults = {"FAULT_TESTS": "on", "FAILPOINT": f"{point}:kill:3", "FAILPOINT_ONCE": str(once)}
    start_worker(**let_in(), **faults)

    ids = end_some(alice)

    agree(ids, inbox)
    assert list(once.iterdir()), "it died"


def test_lost_replies_are_repeated_and_nothing_else_is(
    start_worker: StartWorker, inbox: Receiver, proxy: Proxy, alice: User
) -> None:
    """The receiver has it and answered; the answer was lost on its way."""
    make_endpoint(inbox.url.replace(str(inbox.port), str(proxy.port)), alice)
    proxy.drop_reply(b"webhook-id", times=5)
    start_worker(**let_in())

    ids = end_some(alice)

    seen = agree(ids, inbox)
    assert proxy.dropped == 5
    assert len(inbox.requests) == len(ids) + 5
    assert sorted(seen.values())[-5:] == [2] * 5


def test_killed_children_are_followed_by_others(
    start_worker: StartWorker, inbox: Receiver, alice: User
) -> None:
    """Died after: the receiver took the event. Each of five dies once, and tells nothing under another id.

    Which deliveries a kill meets is chance: one that it meets three times would be taken for a poison, and
    rightly. So more deaths are granted than there are.
    """
    make_endpoint(inbox.url, alice)
    worker = start_worker(**let_in(), **SHORT_LEASE, WORKER_DEATHS=str(len(KILLED_AT) + 1))
    number = iter(range(1000))

    def kill_some(handler: Handler) -> None:
        if next(number) in KILLED_AT:
            for child in psutil.Process(worker.pid).children():
                os.kill(child.pid, signal.SIGKILL)
        answer(204)(handler)

    inbox.always = kill_some

    ids = end_some(alice)

    seen = agree(ids, inbox)
    assert len(inbox.requests) >= len(ids)
    assert max(seen.values()) <= 1 + len(KILLED_AT)


def test_a_database_that_goes_away_loses_no_event(
    start_worker: StartWorker, inbox: Receiver, alice: User
) -> None:
    """Every connection of the worker ends while it tells; what it did not record it tells again."""
    make_endpoint(inbox.url, alice)
    start_worker(**let_in())
    number = iter(range(1000))
    is_time = threading.Semaphore(0)

    def cut_some(handler: Handler) -> None:
        if next(number) in {3, 6}:  # so close together that no delivery waits for its second try in between
            is_time.release()
        answer(204)(handler)

    inbox.always = cut_some

    ids = end_some(alice)
    for _ in range(2):
        assert is_time.acquire(timeout=30)
        terminate_others()

    agree(ids, inbox)


def test_a_receiver_that_hangs_holds_two_slots_and_no_other_job(
    start_worker: StartWorker, inbox: Receiver, alice: User
) -> None:
    make_endpoint(inbox.url, alice)
    inbox.always = lambda handler: handler.server.is_ending.wait()  # type: ignore[assignment, return-value]
    start_worker(slots=3, **let_in() | {"WEBHOOK_SECONDS": "30"})
    ids = end_some(alice)
    eventually(lambda: len(inbox.requests) == 2, timeout=20, what="two deliveries hang")

    more = submit_many("test.ok", ({"key": str(n)} for n in range(5)), owner=alice)

    eventually(
        lambda: Job.objects.filter(pk__in=ids + more, state="succeeded").count() == len(ids + more),
        timeout=20,
        what="other jobs end meanwhile",
    )
    assert len(inbox.requests) == 2
    assert Job.objects.filter(kind=CARRIER, state="running").count() == 2


def terminate_others() -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
