"""`Prefer: wait=N`: an answer about a job that is held back until the job ends, or the time is over.

This door answers at once, as ever; who holds the answer back is in jobs.handoff.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from jobs.api.limits import count_wait
from jobs.errors import Busy
from jobs.handoff import is_waited_for, wait_for

V = TypeVar("V", bound=Callable[..., Any])
JOB_AT_END = re.compile(r"/jobs/([0-9a-f-]{36})\Z")


def waits(operation: V) -> V:
    """An operation whose 202 names in `Location` the job that its caller may wait for.

    Outside of `idempotent`: the first answer is what is kept, and a replay waits as well.
    """

    @wraps(operation)
    def held_back(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answered: HttpResponseBase = operation(request, *args, **kwargs)
        found = JOB_AT_END.search(answered.get("Location", ""))
        if answered.status_code != 202 or found is None or not is_waited_for(request):
            return answered
        try:
            count_wait(request)
        except Busy:
            return answered  # it is accepted: to refuse it now would make its caller send it again
        return wait_for(request, answered, UUID(found[1]), path=answered["Location"])

    held_back.may_wait = True  # type: ignore[attr-defined]
    held_back.__signature__ = inspect.signature(operation, eval_str=True)  # type: ignore[attr-defined]
    return held_back  # type: ignore[return-value]
