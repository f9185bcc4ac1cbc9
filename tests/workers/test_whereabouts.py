"""Where a job runs is told by its holder, of every child, also of one that replaced another."""

import os
import signal
from pathlib import Path

from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from jobs.models import Job, JobEvent
from jobs.models.worker import where
from tests.waiting import eventually
from tests.workers.conftest import StartWorker


def test_a_running_job_names_its_process_and_so_does_its_loss(
    start_worker: StartWorker, alice: User, effects: Path, tmp_path: Path
) -> None:
    worker = start_worker()
    waits = {"do": "wait", "gate": str(tmp_path / "never"), "log": str(effects)}
    id = submit_job("test.fault", waits, owner=alice).id

    process = process_of(effects, attempt=1)
    first = Job.objects.get(id=id)
    assert where(first.holder) == f"{worker.name}, process {process}"
    os.kill(process, signal.SIGKILL)

    successor = process_of(effects, attempt=2)
    second = Job.objects.get(id=id)
    assert where(second.holder) == f"{worker.name}, process {successor}"
    lost = JobEvent.objects.get(job=id, event="lost")
    assert lost.detail.endswith(f"It ran on {worker.name}, process {process}.")
    assert lost.started_at == first.started_at


def process_of(effects: Path, *, attempt: int) -> int:
    """Which process wrote that it is about to wait: by then the worker has noted what it runs."""
    found = eventually(
        lambda: [
            words for words in map(str.split, effects.read_text().splitlines()) if words[2] == str(attempt)
        ],
        timeout=20,
        what=f"attempt {attempt} waits",
    )
    return int(found[0][3])
