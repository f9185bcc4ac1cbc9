"""A kind's context without a worker: a running job, and what the runner would give its kind."""

from collections.abc import Callable, Mapping
from typing import Any

import pydantic
from django.contrib.auth.models import User

from jobs.database import DJANGO
from jobs.lifecycle.submit import record_parts
from jobs.models import Job
from jobs.registry import Kind, Result
from jobs.retry import Retry
from tests.factories import make_job
from workers.context import Context


class Nothing(pydantic.BaseModel, extra="forbid"):
    """A payload without a field."""


def make_kind(name: str = "test.ok", payload: type[pydantic.BaseModel] = Nothing, **fields: Any) -> Kind:
    """A kind that nobody declared."""
    return Kind(
        **{
            "name": name, "title": name, "payload": payload, "run": lambda context, payload: None,
            "example": {}, "queue": "default", "timeout": Retry().longest, "retry": Retry(),
            "worker_deaths": None, "batch": 1, "public": False, "policy": "at_most_once", "form": None,
            "thanks": "", "items": None, "module": __name__,
        } | fields
    )  # fmt: skip


def make_context(
    kind: Kind | None = None, job: Job | None = None, is_cancelled: Callable[[], bool] = lambda: False
) -> Context:
    """The context of a running job; close it, or use the `context` fixture of the room."""
    kind = kind or make_kind()
    job = job or make_job("running", kind=kind.name)
    assert job.holder
    return Context(job.id, job.attempt, job.holder, kind, job.owner_id, DJANGO, is_cancelled)


def accept(kind: Kind, payload: Mapping[str, Any] | pydantic.BaseModel, owner: User | None = None) -> Job:
    """A running job of this kind, with its uses and items recorded as submit does."""
    valid = kind.validate(payload)
    job = make_job("running", kind=kind.name, owner=owner, payload=valid.model_dump(mode="json"))
    record_parts(kind, [(job.id, valid)], DJANGO)
    return job


def run(kind: Kind, job: Job) -> Result:
    """One attempt, as the runner makes it: the payload comes from the job's row."""
    context = make_context(kind, job)
    try:
        return kind.run(context, kind.validate(job.payload)) or Result()
    finally:
        context.close()


def lose(job: Job) -> Job:
    """The attempt's worker died and another claimed the job: the same row, the next attempt."""
    from uuid import uuid4

    Job.objects.filter(pk=job.pk).update(attempt=job.attempt + 1, holder=uuid4())
    job.refresh_from_db()
    return job
