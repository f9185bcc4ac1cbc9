"""Functions with `@task` run as durable jobs, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.db import connections, transaction
from django.test import override_settings

from jobs import tasks_backend
from jobs.errors import BadPayload, Rejected
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.submit import submit_job
from jobs.models import Job
from jobs.registry import KINDS
from jobs.tasks_backend import RUN, RUN_ONCE, MillraceBackend, payload_of, sign
from jobs.tasks_interface import (
    BaseTaskBackend,
    InvalidTask,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    task,
    task_backends,
    task_enqueued,
)
from tests.factories import make_job
from tests.fault_app import functions
from tests.fault_app.functions import add, echo, fail, fail_once, later, unkept, who
from tests.running import accept, run
from tests.waiting import eventually
from tests.workers.conftest import StartWorker, empty_broker, start_worker

__all__ = ["empty_broker", "start_worker"]
pytestmark = pytest.mark.django_db
NAME = "tests.fault_app.functions"
IMMEDIATE = f"{BaseTaskBackend.__module__.rpartition('.')[0]}.immediate.ImmediateBackend"
"""Another backend, that comes with the interface."""


@pytest.fixture(autouse=True)
def bells(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Only tests with a worker ring."""
    yield [] if "start_worker" in request.fixturenames else request.getfixturevalue("rung_at_once")


def only_job() -> Job:
    return Job.objects.get()


def test_a_task_is_enqueued_as_a_job() -> None:
    result = add.enqueue(1, two=2)

    job = only_job()
    assert (result.id, result.status, result.args, result.kwargs) == (
        str(job.id), TaskResultStatus.READY, [1], {"two": 2}
    )  # fmt: skip
    assert (job.kind, job.queue, job.priority, job.owner.get_username()) == (
        RUN, "default", 0, "millrace.tasks"
    )  # fmt: skip
    assert (result.enqueued_at, result.started_at, result.attempts) == (job.created_at, None, 0)


def test_queue_priority_and_time_are_the_jobs() -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    result = echo.using(run_after=tomorrow).enqueue()

    job = only_job()
    assert (job.queue, job.priority, job.run_at, job.state) == ("urgent", 10, tomorrow, "scheduled")
    assert result.status == TaskResultStatus.READY
    assert result.task.run_after == tomorrow


@pytest.mark.parametrize("changes", [{"queue_name": "unknown"}, {"priority": 101}, {"priority": 1.5}])
def test_a_task_that_cannot_be_placed_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask):
        add.using(**changes)


def test_a_task_is_part_of_its_callers_transaction() -> None:
    with transaction.atomic():
        add.enqueue(1)
        transaction.set_rollback(True)

    assert not Job.objects.exists()


def test_who_listens_hears_of_an_enqueued_task() -> None:
    heard: list[str] = []

    def hear(task_result: Any, **kwargs: Any) -> None:
        heard.append(task_result.id)

    task_enqueued.connect(hear, sender=MillraceBackend)
    result = add.enqueue(1)
    task_enqueued.disconnect(hear, sender=MillraceBackend)

    assert heard == [result.id]


@pytest.mark.parametrize(
    ("given", "error"), [(object(), TypeError), (float("nan"), ValueError), (b"\xff", ValueError)]
)
def test_what_json_does_not_have_is_refused_at_once(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        echo.enqueue(given)

    assert not Job.objects.exists()


@pytest.mark.parametrize("given", [1e16, 0.1, 10**30, "a\x00b", "ü", None, [], {"1": [True]}])
def test_arguments_arrive_as_they_were_given(given: Any) -> None:
    result = echo.enqueue(given, key=given)

    assert (result.args, result.kwargs) == ([given], {"key": given})
    assert type(result.args[0]) is type(given)


def test_a_result_is_found_by_its_task_alone() -> None:
    result = add.enqueue(1)

    assert add.get_result(result.id) == result
    with pytest.raises(TaskResultMismatch):
        echo.get_result(result.id)


def test_a_result_of_another_backend_is_not_found() -> None:
    result = fail_once.enqueue()

    assert only_job().kind == RUN_ONCE
    assert fail_once.get_result(result.id).backend == "once"
    with pytest.raises(TaskResultDoesNotExist):
        task_backends["default"].get_result(result.id)


@pytest.mark.parametrize("id", ["", "nonsense", pytest.param(str(uuid4()), id="unknown")])
def test_an_id_that_is_none_is_not_found(id: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        add.get_result(id)


def test_a_job_that_is_no_task_is_not_found() -> None:
    job = make_job("succeeded")

    with pytest.raises(TaskResultDoesNotExist):
        add.get_result(str(job.id))


def test_a_cancelled_task_has_failed() -> None:
    result = add.enqueue(1)
    cancel_jobs([only_job().id], actor="alice")

    result.refresh()

    assert result.status == TaskResultStatus.FAILED
    assert [error.exception_class.__name__ for error in result.errors] == ["JobError"]
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


@pytest.mark.django_db(transaction=True)
def test_everything_works_asynchronously_as_well() -> None:
    async def play() -> Any:
        result = await add.aenqueue(1)
        await result.arefresh()
        found = await add.aget_result(result.id)
        await sync_to_async(connections.close_all)()  # of the thread that was asked
        return found

    assert asyncio.run(play()).args == [1]


# -- What may be called ------------------------------------------------------------------------------


def forged(name: str, *, signature: str | None = None, backend: str = "default") -> dict[str, str]:
    text = '{"args": [1], "kwargs": {}}'
    made = sign(name, backend, text) if signature is None else signature
    return {"task": name, "backend": backend, "call": text, "signature": made}


@pytest.mark.parametrize("change", ["task", "backend", "call", "signature"])
def test_a_payload_that_code_did_not_sign_is_refused(change: str, alice: User) -> None:
    payload = payload_of(add, [1], {}) | {change: "{}"}

    with pytest.raises(BadPayload, match=r"code enqueues tasks|signature"):
        submit_job(RUN, payload, owner=alice)


def test_a_signature_stands_for_one_call(alice: User) -> None:
    other = payload_of(add, [2], {})["signature"]

    with pytest.raises(BadPayload):
        submit_job(RUN, payload_of(add, [1], {}) | {"signature": other}, owner=alice)


def test_a_key_that_was_changed_still_counts_for_a_while(settings: Any, alice: User) -> None:
    payload = payload_of(add, [1], {})
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10

    assert submit_job(RUN, payload, owner=alice)


@pytest.mark.parametrize(
    "name",
    ["os.system", f"{NAME}.plain", f"{NAME}.gone", f"{NAME}.Refused", "tests.fault_appendix.add", "add", ""],
)
def test_only_tasks_of_installed_apps_are_called_even_if_signed(name: str) -> None:
    kind = KINDS.find(RUN)
    job = accept(kind, forged(name))

    with pytest.raises(Rejected):
        run(kind, job)


def test_a_task_of_another_kind_of_backend_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = KINDS.find(RUN)
    other = {"BACKEND": IMMEDIATE}
    mine = {"BACKEND": "jobs.tasks_backend.MillraceBackend"}
    with override_settings(TASKS={"default": mine, "other": other}):
        monkeypatch.setattr(functions, "plain", task(backend="other")(functions.plain))
        job = accept(kind, forged(f"{NAME}.plain", backend="other"))

        with pytest.raises(Rejected, match="no task of a Millrace backend"):
            run(kind, job)


def test_a_queue_without_a_name_is_found_by_the_checks() -> None:
    mine = {"BACKEND": "jobs.tasks_backend.MillraceBackend", "QUEUES": ["Big Queue"]}
    with override_settings(TASKS={"default": mine}):
        found = [check.id for check in run_checks()]

    assert found == ["millrace.E019"]


def test_without_such_a_backend_nothing_is_declared() -> None:
    with override_settings(TASKS={}):
        assert tasks_backend.backends() == []
    with override_settings(TASKS={"default": {"BACKEND": IMMEDIATE}}):
        assert tasks_backend.backends() == []


# -- On a worker ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_tasks_run_on_a_worker(start_worker: StartWorker) -> None:
    start_worker()
    results = [
        add.enqueue(1, two=2), echo.enqueue("a\x00", 0.5, key=[None]), later.enqueue("abc"), who.enqueue(),
        fail_once.enqueue(), unkept.using(backend="once").enqueue(),
    ]  # fmt: skip

    def ended() -> bool:
        for result in results:
            result.refresh()
        return all(result.is_finished for result in results)

    eventually(ended, timeout=30)
    added, echoed, reversed_, told, failed, lost = results
    assert (added.status, added.return_value, added.attempts) == (TaskResultStatus.SUCCESSFUL, 3, 1)
    assert added.started_at is not None
    assert added.finished_at is not None
    assert echoed.return_value["kwargs"] == {"key": [None]}
    assert reversed_.return_value == "cba"
    assert told.return_value == [1, told.id, "RUNNING", False]
    assert failed.status == lost.status == TaskResultStatus.FAILED
    assert failed.errors[0].exception_class is functions.Refused
    assert "once and for all" in failed.errors[0].traceback
    assert lost.errors[0].exception_class is TypeError
    assert failed.attempts == 1


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_ready_to_be_tried_again_and_says_why(start_worker: StartWorker) -> None:
    start_worker()
    result = fail.enqueue("something\nnot KeyError: it")

    def was_tried() -> bool:
        result.refresh()
        return bool(result.errors)

    eventually(was_tried, timeout=30)
    assert result.status in (TaskResultStatus.READY, TaskResultStatus.RUNNING)  # again, by now
    assert result.attempts >= 1
    assert result.errors[0].exception_class is functions.Refused
