"""Where a job runs is told by its holder, of every child, also of one that replaced another."""

import os
import signal

from django.contrib.auth.models import User

from jobs.holder import pid_of
from jobs.lifecycle.submit import submit_job
from jobs.models import JobEvent
from jobs.models.worker import where
from tests.waiting import eventually
from tests.workers.conftest import StartWorker
from tests.workers.test_bad_luck import running


def test_a_running_job_names_its_process_and_so_does_its_loss(start_worker: StartWorker, alice: User) -> None:
    worker = start_worker()
    id = submit_job("test.fault", {"do": "wait"}, owner=alice).id

    first = running(id)
    process = pid_of(first.holder)
    assert process in worker.children
    assert where(first.holder) == f"{worker.name}, process {process}"
    os.kill(process, signal.SIGKILL)

    lost = eventually(lambda: JobEvent.objects.filter(job=id, event="lost").first(), what="it is buried")
    assert lost.detail.endswith(f"It ran on {worker.name}, process {process}.")
    assert lost.started_at == first.started_at
    second = eventually(lambda: running(id) if running(id).attempt == 2 else None, what="it runs again")
    assert pid_of(second.holder) != process
    assert where(second.holder) == f"{worker.name}, process {pid_of(second.holder)}"
