"""What lies in the broker and is no message of ours is refused; the worker lives."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from tests.waiting import eventually
from tests.workers.conftest import StartWorker
from tests.workers.test_work import ended


@pytest.mark.parametrize("garbage", ["no JSON", "null", "{}", "[]", '{"body": ""}', b"\xff\xfe"])
def test_what_is_no_message_ends_no_worker(
    garbage: str | bytes, start_worker: StartWorker, alice: User, effects: Path
) -> None:
    worker = start_worker()
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        client.lpush("default", garbage)
        eventually(lambda: "broker_message_refused" in worker.log.read_text(), timeout=30)

    job = submit_job("test.ok", {"log": str(effects)}, owner=alice)

    assert ended(job.id)[0].state == "succeeded"
    assert worker.main.poll() is None
    assert "Unrecoverable" not in worker.log.read_text()
