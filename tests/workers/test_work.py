"""A bell is heard, jobs are claimed, run and finished by a real worker."""

from pathlib import Path

from django.contrib.auth.models import User
from django_celery_results.models import TaskResult

from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Item, Job, LogLine, Worker
from tests.fault_app.tasks import touch
from tests.waiting import eventually
from tests.workers.conftest import StartWorker


def ended(*jobs: object) -> list[Job]:
    """The jobs, once they all have ended."""
    return eventually(
        lambda: (
            (found := list(Job.objects.filter(pk__in=jobs).order_by("seq")))
            and all(job.is_final for job in found)
            and found
        ),
        timeout=25,
        what=f"jobs {jobs} end",
    )


def test_jobs_run_and_end(start_worker: StartWorker, alice: User, effects: Path) -> None:
    start_worker()

    ids = submit_many("test.ok", ({"key": str(n), "log": str(effects)} for n in range(50)), owner=alice)

    jobs = ended(*ids)
    assert {job.state for job in jobs} == {"succeeded"}
    assert [job.result["key"] for job in jobs] == [str(n) for n in range(50)]
    assert sorted(line.split()[0] for line in effects.read_text().splitlines()) == sorted(map(str, range(50)))


def test_jobs_submitted_before_any_worker_run_when_one_starts(start_worker: StartWorker, alice: User) -> None:
    job = submit_job("test.ok", {}, owner=alice).id

    start_worker()

    assert ended(job)[0].state == "succeeded"


def test_a_batch_ends_every_job_of_it(start_worker: StartWorker, alice: User, effects: Path) -> None:
    ids = submit_many("test.tiny", ({"key": str(n), "log": str(effects)} for n in range(1000)), owner=alice)

    start_worker()

    assert {job.state for job in ended(*ids)} == {"succeeded"}
    assert len(effects.read_text().splitlines()) == 1000


def test_a_failure_is_repeated_after_its_backoff_and_then_final(
    start_worker: StartWorker, alice: User
) -> None:
    start_worker()
    again = submit_job("test.fault", {"do": "fail", "until_attempt": 2}, owner=alice).id
    never = submit_job("test.fault", {"do": "fail"}, owner=alice).id

    good, bad = ended(again, never)

    assert (good.state, good.attempt, good.failures) == ("succeeded", 2, 1)
    assert (bad.state, bad.code, bad.attempt, bad.error) == ("failed", "error", 3, "It failed, as asked.")
    assert sorted(TaskResult.objects.values_list("task_id", "status")) == sorted(
        [
            (f"{again}:1", "RETRY"), (f"{again}:2", "SUCCESS"),
            (f"{never}:1", "RETRY"), (f"{never}:2", "RETRY"), (f"{never}:3", "FAILURE"),
        ]
    )  # fmt: skip


def test_a_rejected_job_is_not_tried_again(start_worker: StartWorker, alice: User) -> None:
    start_worker()

    (job,) = ended(submit_job("test.fault", {"do": "reject"}, owner=alice).id)

    assert (job.state, job.code, job.attempt) == ("failed", "refused", 1)


def test_a_kind_that_leaves_the_process_fails_and_the_process_stays(
    start_worker: StartWorker, alice: User
) -> None:
    worker = start_worker(slots=1)
    children = worker.children

    (job,) = ended(submit_job("test.fault", {"do": "exit"}, owner=alice).id)

    assert (job.state, job.error) == ("failed", "SystemExit: 3")
    assert worker.children == children


def test_log_lines_are_kept_with_their_job(start_worker: StartWorker, alice: User) -> None:
    start_worker()

    (job,) = ended(submit_job("test.fault", {"do": "ok"}, owner=alice).id)

    # The heartbeat may have taken it, and be about to write it.
    line = eventually(lambda: LogLine.objects.filter(job=job).first(), what="the line is written")
    assert line.text == "attempt_begins do=ok"


def test_items_are_each_done_once_across_a_killed_worker(start_worker: StartWorker, alice: User) -> None:
    start_worker()

    (job,) = ended(submit_job("test.items", {"items": 5, "kill_at": 2}, owner=alice).id)

    assert (job.state, job.crashes) == ("succeeded", 1)
    states = list(Item.objects.filter(job=job).order_by("id").values_list("state", flat=True))
    assert states == ["done", "done", "uncertain", "done", "done"]


def test_a_worker_announces_what_it_can_do_and_says_good_bye(start_worker: StartWorker) -> None:
    import signal

    worker = start_worker()
    row = Worker.objects.get(name=worker.name)
    assert {"default", "tiny"} <= set(row.queues)
    assert "test.ok" in row.kinds
    assert row.slots == 2

    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert not Worker.objects.filter(name=worker.name).exists()


def test_a_kind_that_checks_stops_when_it_is_cancelled(start_worker: StartWorker, alice: User) -> None:
    start_worker()
    job = submit_job("test.fault", {"do": "check"}, owner=alice).id
    eventually(lambda: Job.objects.get(pk=job).state == "running", what="it runs")

    cancel_jobs([job], actor="alice")

    assert ended(job)[0].state == "cancelled"
    assert ended(job)[0].attempt == 1


def test_a_kind_that_does_not_check_is_interrupted(
    start_worker: StartWorker, alice: User, tmp_path: Path
) -> None:
    start_worker()
    job = submit_job("test.fault", {"do": "wait", "gate": str(tmp_path / "never")}, owner=alice).id
    eventually(lambda: Job.objects.get(pk=job).state == "running", what="it runs")

    cancel_jobs([job], actor="alice")

    assert ended(job)[0].code == "cancelled_by"


def test_a_plain_celery_task_of_an_app_runs_on_the_same_worker(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker()

    touch.delay(str(tmp_path / "touched"))

    eventually((tmp_path / "touched").exists, what="the task ran")
