"""Run a task that code of this project enqueued by `django.tasks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.dispatch import Signal
from django.utils import timezone
from pydantic import BaseModel, Field, model_validator

from jobs.errors import BadPayload, Cancelled, Rejected
from jobs.models import Job
from jobs.registry import KINDS, Result, job_kind
from jobs.retry import Retry
from jobs.tasks_backend import (
    DEFAULT_QUEUE,
    RUN,
    RUN_ONCE,
    NoTask,
    backends,
    call_of,
    error_by,
    is_signed,
    payload_of,
    queues,
    result_of,
)
from jobs.tasks_interface import (
    TaskContext,
    TaskResult,
    TaskResultStatus,
    normalize_json,
    task,
    task_finished,
    task_started,
)
from workers.context import Context

TIMEOUT = timedelta(hours=1)
FINAL = (Rejected, BadPayload, Cancelled)
"""After these there is no other attempt."""


class Payload(BaseModel, extra="forbid"):
    """A call: made by `enqueue()`, which signs it."""

    task: str = Field(title="Task")
    backend: str = Field(title="Backend")
    call: str = Field(title="Arguments", description="JSON text.")
    signature: str = Field(title="Signature")

    @model_validator(mode="after")
    def must_be_signed(self) -> Payload:
        """Whoever may submit jobs could otherwise call any task with any arguments."""
        if not is_signed(self.task, self.backend, self.call, self.signature):
            raise ValueError(
                "the signature is not this installation's: code enqueues tasks, with my_task.enqueue(…)"
            )
        return self


def run(context: Context, payload: Payload) -> Result:
    """Running it twice calls it twice, and its listeners: a task must bear that, as every kind."""
    try:
        called, args, kwargs = call_of(payload.model_dump())
    except NoTask as error:
        raise Rejected(str(error)) from None
    job = Job.objects.get(id=context.job)
    told = result_of(job, called, args, kwargs)
    tell(task_started, told)
    first: tuple[Any, ...] = (TaskContext(task_result=told),) if called.takes_context else ()
    try:
        value = normalize_json(called.call(*first, *args, **kwargs))
    except Exception as error:
        if isinstance(error, FINAL) or not context.kind.retry.allows(job.failures + 1):
            told.errors.append(error_by(error))
            tell(task_finished, ended(told, TaskResultStatus.FAILED))
        raise
    tell(task_finished, ended(told, TaskResultStatus.SUCCESSFUL, value))
    return Result(values={"return_value": value})


def ended(told: TaskResult, status: TaskResultStatus, value: Any = None) -> TaskResult:
    """The result as it will be read once the outcome is recorded."""
    for name, found in {"status": status, "finished_at": timezone.now(), "_return_value": value}.items():
        object.__setattr__(told, name, found)
    return told


def tell(signal: Signal, told: TaskResult) -> None:
    """Send a signal; a listener that breaks is logged by Django and fails no task."""
    signal.send_robust(type(told.task.get_backend()), task_result=told)


def greet(name: str) -> str:
    """The example."""
    return f"Hello, {name}."


def declare() -> None:
    """Only where the project has such a backend."""
    common: dict[str, Any] = {
        "payload": Payload,
        "example": payload_of(greet, ["Ada"], {}),
        "queue": queues()[0],
        "timeout": TIMEOUT,
        "label": "task",
        "is_listed": False,
    }
    job_kind(RUN, title="Run a task", **common)(run)
    job_kind(RUN_ONCE, title="Run a task once", retry=Retry(attempts=1), worker_deaths=1, **common)(run)
    for queue in queues():
        KINDS.serve(queue)


if OURS := backends():
    greet = task(backend=OURS[0].alias, queue_name=min(OURS[0].queues, default=DEFAULT_QUEUE))(greet)
    declare()
