"""Webhooks in a real worker process: from the end of a job to the receiver, through crashes."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from standardwebhooks.webhooks import Webhook as Verifier

from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, Webhook, WebhookDelivery, WebhookTry
from jobs.outbox import CARRIER
from tests.waiting import eventually
from tests.webhooks.conftest import make_endpoint, make_endpoint_and_secret
from tests.webhooks.receiver import Receiver, answer, cut
from tests.worker_process import WorkerProcess
from tests.workers.conftest import StartWorker, empty_broker, start_worker

__all__ = ["empty_broker", "start_worker"]
pytestmark = pytest.mark.django_db(transaction=True)

LET_IN = {
    "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8,::1",
    "WEBHOOK_PORTS": "any",
    "WEBHOOK_HTTP": "on",
    "WEBHOOK_SECONDS": "5",
}


def let_in() -> dict[str, str]:
    """What a worker's environment says; its key opens what the test sealed."""
    return LET_IN | {"SECRET_KEY": settings.SECRET_KEY}


def delivered(count: int) -> Any:
    return eventually(
        lambda: WebhookDelivery.objects.exclude(delivered_at=None).count() == count,
        timeout=60,
        what=f"{count} deliveries are made",
    )


def test_every_end_is_told_once(start_worker: StartWorker, inbox: Receiver, alice: User) -> None:
    _, secret = make_endpoint_and_secret(inbox.url, alice, events=["job.succeeded", "job.failed"])
    start_worker(**let_in())

    ids = submit_many("test.tiny", ({"key": str(n)} for n in range(100)), owner=alice)
    ids += submit_many("test.ok", ({"key": str(n)} for n in range(5)), owner=alice)

    delivered(105)
    events = [Verifier(secret).verify(request.body, request.headers) for request in inbox.requests]
    assert {event["data"]["id"] for event in events} == {str(id) for id in ids}
    assert len(set(inbox.ids)) == len(inbox.requests) == 105
    eventually(lambda: not Job.objects.exclude(state="succeeded").exists(), what="every job ends")


def test_a_worker_killed_while_it_tells_is_followed_by_another_with_the_same_id(
    start_worker: StartWorker, inbox: Receiver, alice: User
) -> None:
    """Died after: the receiver took the event, and its answer was on its way."""
    make_endpoint(inbox.url, alice)
    worker: WorkerProcess = start_worker(slots=1, **let_in())

    def kill_once(handler: Any) -> None:
        for child in psutil.Process(worker.pid).children():
            os.kill(child.pid, signal.SIGKILL)
        cut(handler)

    inbox.replies.append(kill_once)
    submit_job("test.ok", {}, owner=alice)

    delivered(1)
    assert len(inbox.requests) == 2
    assert len(set(inbox.ids)) == 1
    assert inbox.requests[0].body == inbox.requests[1].body
    carrier = eventually(
        lambda: Job.objects.filter(kind=CARRIER, state="succeeded").first(), what="the carrier ends"
    )
    assert (carrier.attempt, carrier.failures) == (2, 0)


def test_an_endpoint_that_fails_is_put_off_and_told_later(
    start_worker: StartWorker, inbox: Receiver, alice: User
) -> None:
    inbox.replies.append(answer(500, b"not now"))
    hook = make_endpoint(inbox.url, alice)
    start_worker(**let_in())

    submit_job("test.ok", {}, owner=alice)

    carrier = eventually(
        lambda: Job.objects.filter(kind=CARRIER, state="retrying").first(), what="it is put off"
    )
    assert carrier.error == "The endpoint answered 500."
    delivered(1)  # five seconds later, as the schedule has it
    assert list(WebhookTry.objects.values_list("status", "answer")) == [(500, "not now"), (204, "")]
    assert Webhook.objects.get(pk=hook.pk).failing_since is None
