"""The kinds in a real worker process, from submit to outcome."""

import os
import signal

import psutil
import pytest
from django.contrib.auth.models import User

from jobs import items
from jobs.artifacts import open_file
from jobs.lifecycle.submit import submit_job
from jobs.models import Artifact, Item, Job, LogLine
from jobs.states import ItemState
from tests import smtp, smtp_script
from tests.contract.examples import example_of
from tests.contract.test_kinds import KINDS_HERE
from tests.waiting import eventually
from tests.worker_process import WorkerProcess
from tests.workers.conftest import StartWorker, empty_broker, start_worker

__all__ = ["empty_broker", "start_worker"]
pytestmark = pytest.mark.django_db(transaction=True)


def ended(*ids: object) -> list[Job]:
    """The jobs, once they all have ended."""

    def look() -> list[Job]:
        jobs = list(Job.objects.filter(pk__in=ids).order_by("seq"))
        return jobs if all(job.is_final for job in jobs) else []

    return eventually(look, timeout=40, what="the jobs end")


def test_every_kind_does_its_example(start_worker: StartWorker, alice: User, post: smtp.Server) -> None:
    start_worker(EMAIL_URL=f"smtp://127.0.0.1:{post.port}")

    ids = [submit_job(kind.name, example_of(kind, alice), owner=alice).id for kind in KINDS_HERE]

    jobs = ended(*ids)
    assert {job.kind: (job.state, job.error) for job in jobs} == {
        kind.name: ("succeeded", "") for kind in KINDS_HERE
    }
    assert {job.kind for job in jobs if job.result} == {kind.name for kind in KINDS_HERE}
    for artifact in Artifact.objects.filter(job__in=ids):
        with open_file(artifact.path) as file:
            assert file.size == artifact.size
    assert sorted(post.recipients) == [*["ada@example.org"] * 3, "bob@example.org", "millrace@localhost"]
    assert not Item.objects.exclude(state="done").exists()


def test_a_worker_killed_between_the_mail_and_its_record_sends_nothing_twice(
    start_worker: StartWorker, alice: User, post: smtp.Server
) -> None:
    """Died after: the server took the message and was about to say so."""
    worker: WorkerProcess = start_worker(EMAIL_URL=f"smtp://127.0.0.1:{post.port}", slots=1)

    def kill_once() -> None:
        post.on_taken = lambda: None
        kill_children(worker)

    post.on_taken = kill_once
    letter = {"to": ["ada@example.org", "bob@example.org"], "subject": "Once", "text": "Only once."}
    job = submit_job("email.send", letter, owner=alice).id

    [after] = ended(job)
    assert post.recipients == ["ada@example.org", "bob@example.org"]
    assert after.state == "succeeded"
    assert after.attempt == 2
    assert after.result["done"] == 1
    assert after.result["uncertain"] == 1
    assert dict(Item.objects.values_list("key", "state")) == {
        "ada@example.org": "uncertain",
        "bob@example.org": "done",
    }


def test_a_worker_killed_in_the_midst_of_a_list_misses_nobody_and_mails_nobody_twice(
    start_worker: StartWorker, alice: User
) -> None:
    """Died after: the server took the 30th message and was about to say so."""
    everybody = [f"guest{number}@example.org" for number in range(100)]
    with smtp_script.scripted() as mill:
        worker = start_worker(EMAIL_URL=f"smtp://127.0.0.1:{mill.port}", slots=1)
        mill.on_taken[30] = lambda: kill_children(worker)
        listed = {"recipients": [{"to": address} for address in everybody], "subject": "Hi", "text": "Hi"}

        [after] = ended(submit_job("email.campaign", listed, owner=alice).id)

        taken = mill.recipients
    counts = items.counts(after.id)
    assert (after.state, after.attempt) == ("succeeded", 2)
    assert counts[ItemState.DONE] + counts[ItemState.UNCERTAIN] == len(everybody)
    assert 1 <= counts[ItemState.UNCERTAIN] <= 20
    assert len(taken) == len(set(taken)), "nobody twice"
    doubtful = set(Item.objects.filter(state="uncertain").values_list("key", flat=True))
    assert set(everybody) - set(taken) <= doubtful, "who got nothing is named"


def kill_children(worker: WorkerProcess) -> None:
    for child in psutil.Process(worker.pid).children():
        os.kill(child.pid, signal.SIGKILL)


def test_what_a_kind_says_is_kept_with_its_job(
    start_worker: StartWorker, alice: User, post: smtp.Server
) -> None:
    post.hangs_up_at = "DATA"
    start_worker(EMAIL_URL=f"smtp://127.0.0.1:{post.port}")

    letter = {"to": ["ada@example.org"], "subject": "Lost answer", "text": "…"}
    job = submit_job("email.send", letter, owner=alice).id

    ended(job)
    said = LogLine.objects.filter(job=job, text__startswith="mail_uncertain")
    line = eventually(said.first, what="the line is kept")  # the heartbeat may be on its way with it
    assert line.level == "warning"
