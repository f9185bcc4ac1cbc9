"""A deploy waits for no job that takes an hour, and charges none for it."""

import signal
from pathlib import Path

from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from jobs.models import Job, JobEvent
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import running


def test_what_still_runs_after_the_drain_is_handed_back_uncharged(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    worker = start_worker(slots=1, DRAIN_SECONDS="0.5")
    job = submit_job("test.fault", {"do": "wait", "gate": str(tmp_path / "never")}, owner=alice).id
    running(job)

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    found = Job.objects.get(pk=job)
    assert (found.state, found.failures, found.crashes) == ("queued", 0, 0)
    assert JobEvent.objects.filter(job=job, event="released").exists()
