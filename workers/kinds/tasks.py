"""Run a task that code of this project enqueued by `django.tasks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field, model_validator

from jobs.errors import Rejected
from jobs.models import Job
from jobs.registry import KINDS, Result, job_kind
from jobs.retry import Retry
from jobs.tasks_backend import (
    RUN,
    RUN_ONCE,
    NoTask,
    TaskContext,
    backends,
    call_of,
    is_signed,
    normalize_json,
    payload_of,
    queues,
    result_of,
    task,
)
from workers.context import Context

TIMEOUT = timedelta(hours=1)


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
    """Running it twice calls it twice: a task must bear that, as every kind."""
    try:
        called, args, kwargs = call_of(payload.model_dump())
    except NoTask as error:
        raise Rejected(str(error)) from None
    first = (context_of(context, called, args, kwargs),) if called.takes_context else ()
    return Result(values={"return_value": normalize_json(called.call(*first, *args, **kwargs))})


def context_of(context: Context, task: Any, args: list[Any], kwargs: dict[str, Any]) -> TaskContext:
    """What a task with `takes_context` gets: its result so far."""
    return TaskContext(task_result=result_of(Job.objects.get(id=context.job), task, args, kwargs))


def greet(name: str) -> str:
    """The example."""
    return f"Hello, {name}."


def declare() -> None:
    """Only where the project has such a backend."""
    common: dict[str, Any] = {
        "payload": Payload,
        "example": payload_of(greet, ["Ada"], {}),
        "queue": min(queues()),
        "timeout": TIMEOUT,
        "is_listed": False,
    }
    job_kind(RUN, title="Run a task", **common)(run)
    job_kind(RUN_ONCE, title="Run a task once", retry=Retry(attempts=1), worker_deaths=1, **common)(run)
    for queue in queues():
        KINDS.serve(queue)


if OURS := backends():
    greet = task(backend=OURS[0].alias, queue_name=min(OURS[0].queues))(greet)
    declare()
