"""What `django.tasks` promises of every backend, as its documentation words it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.checks import run_checks
from django.db import connections, transaction
from django.test import override_settings

from jobs.errors import Rejected
from jobs.models import Job
from jobs.registry import KINDS
from jobs.tasks_backend import RUN, RUN_ONCE, MillraceBackend
from jobs.tasks_interface import (
    InvalidTask,
    Task,
    TaskContext,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    default_task_backend,
    task,
    task_backends,
    task_enqueued,
    task_finished,
    task_started,
)
from tests.fault_app import functions
from tests.fault_app.functions import add, echo, fail, fail_once, later, refuse, unkept, who
from tests.running import run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung_at_once")]

TOMORROW = datetime.now(UTC) + timedelta(days=1)
BACKEND = {"BACKEND": "jobs.tasks_backend.MillraceBackend"}


def attempt(result: TaskResult) -> Any:
    """What the job's kind returns or raises, on a worker's side."""
    Job.objects.filter(id=result.id).update(
        state="running", attempt=1, holder=uuid4(), lease=TOMORROW, started_at=datetime.now(UTC)
    )
    job = Job.objects.get(id=result.id)
    return run(KINDS.find(job.kind), job)


# -- A task ----------------------------------------------------------------------------------------


def test_a_decorated_function_is_a_task_and_can_still_be_called() -> None:
    assert isinstance(add, Task)
    assert (add.name, add.module_path) == ("add", "tests.fault_app.functions.add")
    assert (add.priority, add.queue_name, add.backend, add.run_after) == (0, "default", "default", None)
    assert add.call(1, two=2) == add.func(1, two=2) == 3
    assert later.call("abc") == "cba"
    assert asyncio.run(later.acall("abc")) == "cba"


def test_using_leaves_the_task_as_it_was() -> None:
    other = add.using(priority=7, queue_name="urgent", run_after=TOMORROW, backend="once")

    assert (other.priority, other.queue_name) == (7, "urgent")
    assert (other.run_after, other.backend) == (TOMORROW, "once")
    assert (add.priority, add.queue_name, add.run_after, add.backend) == (0, "default", None, "default")
    assert other.func is add.func
    with pytest.raises(dataclasses.FrozenInstanceError):
        add.priority = 1


@pytest.mark.parametrize("priority", [-100, 0, 100])
def test_every_priority_between_the_bounds_is_kept(priority: int) -> None:
    result = add.using(priority=priority).enqueue(1)

    assert Job.objects.get(id=result.id).priority == result.task.priority == priority


@pytest.mark.parametrize("priority", [-101, 101, 0.5])
def test_no_other_priority_is_taken(priority: float) -> None:
    with pytest.raises(InvalidTask, match="priority"):
        add.using(priority=priority)


def test_a_queue_that_the_backend_does_not_name_is_refused() -> None:
    with pytest.raises(InvalidTask, match="nowhere"):
        add.using(queue_name="nowhere")


def test_a_backend_that_names_no_queues_takes_all() -> None:
    with override_settings(TASKS={"default": {**BACKEND, "QUEUES": []}}):
        result = add.using(queue_name="anywhere").enqueue(1)

    assert Job.objects.get(id=result.id).queue == "anywhere"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidTask, match="aware"):
        add.using(run_after=datetime(2099, 1, 1))


def test_only_functions_of_a_module_are_tasks() -> None:
    def local() -> None:
        """Nobody else finds it."""

    for function in (local, lambda: None, dict, "text"):
        with pytest.raises((InvalidTask, TypeError)):
            task(function)


def test_a_task_that_takes_its_context_says_so() -> None:
    with pytest.raises(InvalidTask, match="context"):
        dataclasses.replace(add, takes_context=True)


def test_validate_task_is_asked_again_on_enqueue(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Task] = []
    monkeypatch.setattr(MillraceBackend, "validate_task", lambda self, task: asked.append(task))

    add.enqueue(1)

    assert add in asked


# -- Enqueuing -------------------------------------------------------------------------------------


def test_a_new_result_knows_all_there_is_to_know() -> None:
    result = add.enqueue(1, two=2)

    assert isinstance(result, TaskResult)
    assert isinstance(result.id, str)
    assert result.task == add
    assert (result.args, result.kwargs, result.backend) == ([1], {"two": 2}, "default")
    assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.READY, False, 0)
    assert isinstance(result.enqueued_at, datetime)
    assert (result.started_at, result.finished_at, result.last_attempted_at) == (None, None, None)
    assert (result.errors, result.worker_ids) == ([], [])
    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value


def test_arguments_are_made_json() -> None:
    result = echo.enqueue((1, 2), key={"a": (3,)})

    assert (result.args, result.kwargs) == ([[1, 2]], {"key": {"a": [3]}})


@pytest.mark.parametrize("given", [{1}, object(), TOMORROW, add], ids=lambda given: type(given).__name__)
def test_what_is_no_json_is_not_enqueued(given: Any) -> None:
    for args, kwargs in (((given,), {}), ((), {"key": given})):
        with pytest.raises(TypeError):
            echo.enqueue(*args, **kwargs)

    assert not Job.objects.exists()


def test_a_task_is_enqueued_with_its_callers_commit() -> None:
    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():
        kept = add.enqueue(1)
        assert add.get_result(kept.id).status == TaskResultStatus.READY
        raise Undone

    with pytest.raises(TaskResultDoesNotExist):
        add.get_result(kept.id)


def test_a_task_that_is_due_later_is_ready() -> None:
    result = add.using(run_after=TOMORROW).enqueue(1)

    assert result.status == TaskResultStatus.READY
    assert Job.objects.get(id=result.id).state == "scheduled"
    assert add.get_result(result.id).task.run_after == TOMORROW


@pytest.mark.django_db(transaction=True)
def test_each_call_has_its_asynchronous_twin() -> None:
    async def play() -> list[TaskResult]:
        result = await later.aenqueue("abc")
        found = [await later.aget_result(result.id), await default_task_backend.aget_result(result.id)]
        await result.arefresh()
        with pytest.raises(TaskResultDoesNotExist):
            await later.aget_result("nothing")
        with pytest.raises(TaskResultMismatch):
            await add.aget_result(result.id)
        await sync_to_async(connections.close_all)()
        return [result, *found]

    results = asyncio.run(play())

    assert len({result.id for result in results}) == 1
    assert {result.status for result in results} == {TaskResultStatus.READY}


# -- Results ---------------------------------------------------------------------------------------


def test_a_result_is_found_by_its_id_from_anywhere() -> None:
    result = add.enqueue(1)

    assert add.get_result(result.id) == default_task_backend.get_result(result.id) == result
    with pytest.raises(TaskResultMismatch):
        echo.get_result(result.id)


@pytest.mark.parametrize("id", ["", "123", "00000000-0000-7000-8000-000000000000", "\0"], ids=repr)
def test_an_id_of_nothing_does_not_exist(id: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        default_task_backend.get_result(id)


def test_refresh_reads_what_has_become_of_it() -> None:
    result = add.enqueue(1, two=2)
    attempt(result)
    assert result.status == TaskResultStatus.READY, "it is as it was"

    result.refresh()

    assert (result.status, result.attempts, len(result.worker_ids)) == (TaskResultStatus.RUNNING, 1, 1)
    assert result.started_at == result.last_attempted_at is not None
    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value


def test_a_result_that_was_purged_does_not_exist() -> None:
    result = add.enqueue(1)
    Job.objects.all().delete()

    with pytest.raises(TaskResultDoesNotExist):
        result.refresh()


def test_a_task_may_return_nothing() -> None:
    result = functions.nothing.enqueue()
    Job.objects.filter(id=result.id).update(
        state="succeeded", attempt=1, result={"return_value": None}, finished_at=datetime.now(UTC)
    )

    result.refresh()

    assert result.status == TaskResultStatus.SUCCESSFUL
    assert result.return_value is None
    assert result.finished_at is not None


# -- Running, and who hears of it ------------------------------------------------------------------


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str, bool]]]:
    """Signals in their order: which, the task's status in it, and whether it names this attempt."""
    found: list[tuple[str, str, bool]] = []
    signals = {"enqueued": task_enqueued, "started": task_started, "finished": task_finished}

    def listener(name: str) -> Any:
        def hear(sender: Any, task_result: TaskResult, **kwargs: Any) -> None:
            found.append((name, str(task_result.status), task_result.attempts == 1))

        return hear

    listeners = {name: listener(name) for name in signals}
    for name, signal in signals.items():
        signal.connect(listeners[name], sender=MillraceBackend)
    yield found
    for name, signal in signals.items():
        signal.disconnect(listeners[name], sender=MillraceBackend)


def test_who_listens_hears_of_a_task_that_succeeds(heard: list[Any]) -> None:
    attempt(add.enqueue(1))

    assert heard == [
        ("enqueued", "READY", False), ("started", "RUNNING", True), ("finished", "SUCCESSFUL", True)
    ]  # fmt: skip


def test_who_listens_to_the_end_can_read_the_result() -> None:
    found: list[TaskResult] = []

    def hear(task_result: TaskResult, **kwargs: Any) -> None:
        found.append(task_result)

    task_finished.connect(hear)
    try:
        attempt(add.enqueue(1, two=2))
        with pytest.raises(functions.Refused):
            attempt(fail_once.enqueue())
    finally:
        task_finished.disconnect(hear)

    done, failed = found
    assert (done.return_value, done.is_finished, done.finished_at is None) == (3, True, False)
    assert failed.errors[0].exception_class is functions.Refused
    assert "once and for all" in failed.errors[0].traceback
    with pytest.raises(ValueError, match="failed"):
        _ = failed.return_value


@pytest.mark.parametrize(
    ("called", "error", "is_last"),
    [(fail_once, functions.Refused, True), (refuse, Rejected, True), (fail, functions.Refused, False)],
    ids=["the only attempt", "refused for good", "one of three"],
)
def test_a_task_that_is_tried_again_has_not_finished(
    heard: list[Any], called: Task, error: type[Exception], is_last: bool
) -> None:
    result = called.enqueue(*(["why"] if called is fail else []))

    with pytest.raises(error):
        attempt(result)

    assert [(name, status) for name, status, _ in heard[1:]] == [
        ("started", "RUNNING"), *([("finished", "FAILED")] if is_last else []),
    ]  # fmt: skip


def test_what_cannot_be_returned_fails_the_task() -> None:
    with pytest.raises(TypeError):
        attempt(unkept.enqueue())


def test_a_listener_that_breaks_fails_no_task() -> None:
    def hear(**kwargs: Any) -> None:
        raise RuntimeError("this listener is broken")

    task_started.connect(hear)
    task_finished.connect(hear)
    try:
        assert attempt(add.enqueue(1)).values == {"return_value": 1}
    finally:
        task_started.disconnect(hear)
        task_finished.disconnect(hear)


def test_a_task_reads_its_own_result_by_its_context() -> None:
    result = who.enqueue()

    assert attempt(result).values == {"return_value": [1, result.id, "RUNNING", False]}
    assert TaskContext.__dataclass_fields__.keys() == {"task_result"}


# -- The backend -----------------------------------------------------------------------------------


def test_the_backend_says_what_it_can() -> None:
    backend = task_backends["default"]

    assert isinstance(backend, MillraceBackend)
    assert backend.task_class is Task
    assert (backend.alias, backend.queues, backend.options) == ("default", {"default", "urgent"}, {})
    assert all(
        (backend.supports_defer, backend.supports_async_task, backend.supports_get_result,
         backend.supports_priority)
    )  # fmt: skip
    assert (backend.kind, task_backends["once"].kind) == (RUN, RUN_ONCE)


def test_djangos_checks_ask_the_backend() -> None:
    with override_settings(TASKS={"default": {**BACKEND, "QUEUES": ["a b"]}}):
        assert [each.id for each in run_checks()] == ["millrace.E019"]
    assert run_checks() == []
