"""The `django.tasks` backend: `@task` functions of any installed app run as durable jobs.

    TASKS = {"default": {"BACKEND": "jobs.tasks_backend.MillraceBackend", "QUEUES": ["default"]}}

Enqueuing is submitting, in the caller's transaction. Django 6.0 has the interface in its core; before, it is
the package django-tasks. What is called is a name in a payload, so the payload is signed with SECRET_KEY:
only code can enqueue, not whoever may submit jobs; and the name must lead to a task of this backend.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.exceptions import ObjectDoesNotExist
from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.module_loading import import_string

from jobs import results
from jobs.checks import wrong_queues
from jobs.database import DJANGO
from jobs.lifecycle.submit import submit_job
from jobs.models import Job
from jobs.owners import service_user
from jobs.states import State
from jobs.tasks_interface import (
    BaseTaskBackend,
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_backends,
    task_enqueued,
)

RUN, RUN_ONCE = "tasks.run", "tasks.run_once"
"""The kinds that run them: with more attempts after a failure, and with a single one."""
DEFAULT_QUEUE = "default"
"""Where workers listen if every backend takes whatever is named (`QUEUES = []`)."""
SERVICE = "tasks"
"""Who owns what code enqueued."""
STATUSES = {
    State.RUNNING: TaskResultStatus.RUNNING,
    State.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    State.FAILED: TaskResultStatus.FAILED,
    State.CANCELLED: TaskResultStatus.FAILED,
}
NAME = re.compile(r"^([A-Za-z_]\w*(?:\.\w+)*)(?::|$)", re.MULTILINE)
"""At the beginning of a line of a traceback: what was raised, unless it is a word of the message."""


class NoTask(LookupError):
    """A name leads to no task of this backend."""


class MillraceBackend(BaseTaskBackend):
    """Tasks as jobs. `OPTIONS = {"retry": False}`: a failure, or a worker's death, is final."""

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    @property
    def kind(self) -> str:
        """As what its tasks run."""
        return RUN if self.options.get("retry", True) else RUN_ONCE

    def enqueue(self, task: Task, args: Any, kwargs: Any) -> TaskResult:
        """Accept it as a job, in the caller's transaction; it runs once that has committed."""
        self.validate_task(task)
        result = blank(task, "", list(args), dict(kwargs), self.alias)
        run_after = task.run_after
        if run_after is not None and timezone.is_naive(run_after):
            run_after = timezone.make_aware(run_after)
        submitted = submit_job(
            self.kind,
            payload_of(task, result.args, result.kwargs),
            owner=service_user(SERVICE),
            queue=task.queue_name,
            priority=int(task.priority),
            run_at=run_after,
            door="tasks",
        )
        found = self.get_result(str(submitted.id))
        object.__setattr__(found, "task", task)
        task_enqueued.send(type(self), task_result=found)
        return found

    def get_result(self, result_id: str) -> TaskResult:
        """What has become of it; raises TaskResultDoesNotExist for an id that is no task of this backend."""
        try:
            job = Job.objects.get(id=UUID(str(result_id)), kind__in=(RUN, RUN_ONCE))
            task, args, kwargs = call_of(job.payload)
        except (ValueError, ObjectDoesNotExist, NoTask) as error:
            raise TaskResultDoesNotExist(result_id) from error
        if task.backend != self.alias:
            raise TaskResultDoesNotExist(result_id)
        return result_of(job, task, args, kwargs)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Whether the queues can be named."""
        return list(wrong_queues(f"TASKS[{self.alias!r}]", sorted(self.queues)))


def backends() -> list[MillraceBackend]:
    """Those of ours among the project's backends; none where TASKS names none."""
    if not getattr(settings, "TASKS", None):
        return []
    return [backend for backend in task_backends.all() if isinstance(backend, MillraceBackend)]


def queues() -> list[str]:
    """Every queue that tasks may go to; the first is that of tasks which name none."""
    return sorted({name for backend in backends() for name in backend.queues}) or [DEFAULT_QUEUE]


def payload_of(task: Task, args: Any, kwargs: Any) -> dict[str, Any]:
    """A call as a job's payload; raises ValueError for what JSON does not have.

    The arguments are text: jsonb would make 10000000000000000 of 1e16, and refuse a NUL.
    """
    name = task.module_path
    text = json.dumps({"args": args, "kwargs": kwargs}, allow_nan=False)
    return {"task": name, "backend": task.backend, "call": text, "signature": sign(name, task.backend, text)}


def call_of(payload: Mapping[str, Any]) -> tuple[Task, list[Any], dict[str, Any]]:
    """The task of a payload and its arguments; raises NoTask."""
    found = json.loads(payload["call"])
    return find_task(payload["task"], payload["backend"]), found["args"], found["kwargs"]


def sign(name: str, backend: str, text: str) -> str:
    """What proves that code of this installation asked for a call."""
    return signer().signature(json.dumps([name, backend, text]))


def is_signed(name: str, backend: str, text: str, signature: str) -> bool:
    """Whether it is proven; keys in SECRET_KEY_FALLBACKS count."""
    try:
        signer().unsign(f"{json.dumps([name, backend, text])}:{signature}")
    except BadSignature:
        return False
    return True


def signer() -> Signer:
    return Signer(salt="jobs.tasks_backend")


def find_task(name: str, backend: str) -> Task:
    """The task of that name, in a module of an installed app; raises NoTask for everything else."""
    module, _, function = name.rpartition(".")
    if not any(module == app.name or module.startswith(f"{app.name}.") for app in apps.get_app_configs()):
        raise NoTask(f"{name!r} is in no installed app.")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise NoTask(f"There is no {name!r} (any more): {error}") from None
    if not isinstance(found, Task) or not isinstance(found.get_backend(), MillraceBackend):
        raise NoTask(f"{name!r} is no task of a Millrace backend. Decorate it with @task.")
    return found if found.backend == backend else found.using(backend=backend)


def blank(task: Task, id: str, args: list[Any], kwargs: dict[str, Any], alias: str) -> TaskResult:
    """A result of which nothing is known yet."""
    return TaskResult(
        task=task, id=id, status=TaskResultStatus.READY, enqueued_at=None, started_at=None,
        finished_at=None, last_attempted_at=None, args=args, kwargs=kwargs, backend=alias, errors=[],
        worker_ids=[],
    )  # fmt: skip


def result_of(job: Job, task: Task, args: list[Any], kwargs: dict[str, Any]) -> TaskResult:
    """A job as the interface has it; a "worker id" for each attempt, under which its result is kept."""
    task = task.using(
        priority=job.priority, queue_name=job.queue, run_after=None if job.attempt else job.run_at
    )
    result = blank(task, str(job.id), args, kwargs, task.backend)
    attempts = results.attempts(job.id, job.attempt, db=DJANGO)
    first = next((each.started_at for each in attempts if each.started_at is not None), None)
    found = {
        "status": STATUSES.get(State(job.state), TaskResultStatus.READY),
        "enqueued_at": job.created_at,
        "started_at": first or job.started_at,
        "last_attempted_at": job.started_at,
        "finished_at": job.finished_at,
        "errors": [error_of(each.trace, each.error) for each in attempts if each.is_failure],
        "worker_ids": [f"{job.id}:{number}" for number in range(1, job.attempt + 1)],
        "_return_value": job.result["return_value"] if job.state == State.SUCCEEDED and job.result else None,
    }
    if job.state in (State.FAILED, State.CANCELLED) and not found["errors"]:
        found["errors"] = [error_of("", job.error)]
    for name, value in found.items():
        object.__setattr__(result, name, value)
    return result


def error_of(trace: str, text: str) -> TaskError:
    """What an attempt failed of. Where none of its own was kept (a time limit, a death) an error of ours."""
    path = next(filter(None, map(exception_path, reversed(NAME.findall(trace)))), "jobs.errors.JobError")
    return TaskError(exception_class_path=path, traceback=trace or text)


def error_by(error: BaseException) -> TaskError:
    """What an attempt has failed of just now."""
    kind = type(error)
    trace = "".join(traceback.format_exception(error))
    return TaskError(exception_class_path=f"{kind.__module__}.{kind.__qualname__}", traceback=trace)


def exception_path(name: str) -> str:
    """The whole name of an exception, empty if it is none."""
    path = name if "." in name else f"builtins.{name}"
    try:
        found = import_string(path)
    except ImportError:
        return ""
    return path if isinstance(found, type) and issubclass(found, BaseException) else ""
