"""Functions for `django.tasks`, as an adopter writes them."""

import threading
from typing import Any

from jobs.errors import Rejected
from jobs.tasks_interface import TaskContext, task


@task
def add(one: int, two: int = 0) -> int:
    return one + two


@task(queue_name="urgent", priority=10)
def echo(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"args": args, "kwargs": kwargs}


@task
async def later(text: str) -> str:
    return text[::-1]


@task(takes_context=True)
def who(context: TaskContext) -> list[Any]:
    result = context.task_result
    return [context.attempt, result.id, str(result.status), result.is_finished]


class Refused(Exception):
    """An error of the adopter's own."""


@task
def fail(text: str) -> None:
    raise Refused(text)


@task(backend="once")
def fail_once() -> None:
    raise Refused("once and for all")


@task
def refuse() -> None:
    raise Rejected("no attempt can help")


@task
def nothing() -> None:
    """Returns nothing."""


@task
def unkept() -> Any:
    return threading.Lock()


def plain(one: int) -> int:
    """No task."""
    return one
