"""One asking by program: checked, submitted, and answered with where to look."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from uuid import UUID

import pydantic
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from uuid_utils.compat import uuid7

from jobs.api.answers import answer
from jobs.api.auth import must_submit
from jobs.api.idempotent import promise_of
from jobs.api.problems import Refused, Wrong
from jobs.api.schemas import JobIn
from jobs.api.shown import job_links
from jobs.artifacts import files_of
from jobs.database import DJANGO
from jobs.errors import BadPayload, NotAllowed, Problem
from jobs.finding import finding_text
from jobs.lifecycle.known import LIVE, silent_seconds
from jobs.lifecycle.submit import submit_job
from jobs.owners import can_operate, teams
from jobs.registry import KINDS, Kind
from jobs.search.record import time

if TYPE_CHECKING:
    from django.contrib.auth.models import User

T = TypeVar("T")
DOOR = "api"
NO_FILE = "this is no id of a file: hand the file in by POST /uploads, and put its `id` here"
RETRY_AFTER = "1"
"""When to look first; most jobs have ended by then."""
BESIDES = f"SELECT name FROM millrace_queue UNION SELECT unnest(queues) FROM millrace_worker WHERE {LIVE}"  # noqa: S608


class Asking(NamedTuple):
    """What was asked, checked as far as it can be without accepting it."""

    kind: Kind
    payload: pydantic.BaseModel
    queue: str
    priority: int
    run_at: datetime | None
    group: Group | None

    @classmethod
    def read(cls, request: HttpRequest, given: JobIn, *, kind: Kind | None = None) -> Asking:
        """Raises UnknownKind, BadPayload, NotAllowed or Refused. A rerun brings its `kind`, listed or not."""
        must_submit(request)
        kind = kind or KINDS.find_listed(given.kind)
        payload = read_payload(kind, given.payload)
        if given.priority:
            must_set_priorities(request)
        return cls(
            kind=kind,
            payload=payload,
            queue=known_queue(request, given.queue, kind),
            priority=given.priority,
            run_at=given.run_at,
            group=team(request, given.group),
        )

    def submit(self, request: HttpRequest, *, rerun_of: UUID | None = None) -> HttpResponse:
        """Accept the job, in the transaction at hand if there is one: 202, where it is, and when to look."""
        job = uuid7()
        accepted = self.accepted(job)
        headers = {"Location": accepted["links"]["self"], "Retry-After": RETRY_AFTER}
        answered = answer(accepted, status=202, headers=headers)
        submit_job(
            self.kind.name, self.payload, **self.how(request), id=job, rerun_of=rerun_of,
            promise=promise_of(request, answered),
        )  # fmt: skip
        return answered

    def how(self, request: HttpRequest) -> dict[str, Any]:
        """What the verbs want to know besides kind and payload."""
        return {
            "owner": cast("User", request.user), "group": self.group, "queue": self.queue,
            "priority": self.priority, "run_at": self.run_at, "door": DOOR,
        }  # fmt: skip

    def accepted(self, job: UUID) -> dict[str, Any]:
        """What is answered for the accepted job."""
        is_later = self.run_at is not None and self.run_at > timezone.now()
        return {
            "id": str(job),
            "kind": self.kind.name,
            "queue": self.queue,
            "state": "scheduled" if is_later else "queued",
            "priority": self.priority,
            "run_at": time(self.run_at),
            "links": job_links(job),
        }


def must_set_priorities(request: HttpRequest) -> None:
    """Raises NotAllowed, also for an operator whose token may do less."""
    if not can_operate(request.user):
        raise NotAllowed(
            "Only operators set priorities, and only by a token with the scope `operate`."
            " Leave `priority` out."
        )


def read_payload(kind: Kind, given: dict[str, Any]) -> pydantic.BaseModel:
    """The payload as its model, as JSON and strictly: `"7"` is a text, not a number. Raises BadPayload."""
    try:
        return kind.payload.model_validate_json(json.dumps(given), strict=True)
    except pydantic.ValidationError as error:
        files = files_of(kind)
        problems = [
            Problem(tuple(found["loc"]), NO_FILE if names_no_file(found, files) else finding_text(found))
            for found in error.errors(include_url=False)
        ]
        raise BadPayload(kind.name, problems) from None


def names_no_file(found: Mapping[str, Any], files: Container[Any]) -> bool:
    """Whether something else stands where a file's id belongs: its name, as in the kind's example."""
    return found["type"] in {"uuid_parsing", "uuid_type"} and found["loc"][0] in files


def known_queue(request: HttpRequest, given: str | None, kind: Kind) -> str:
    """The queue; raises Refused for one that nobody knows, where a job would wait for ever."""
    if given is None or given == kind.queue or given in KINDS.queues() or given in queues_besides(request):
        return given or kind.queue
    why = f"Nothing goes to a queue {given!r}. Known are: {', '.join(KINDS.queues())}."
    raise Refused("invalid", why, errors=[Wrong("/queue", why, "unknown_queue")])


def team(request: HttpRequest, name: str | None) -> Group | None:
    """The group to share with; raises Refused for one that is none of theirs."""
    if name is None:
        return None
    found = own_teams(request).get(name)
    if found is None:
        why = f"You are in no group {name!r}."
        raise Refused("invalid", why, errors=[Wrong("/group", why, "unknown_group")])
    return found


def once_a_request(look: Callable[[HttpRequest], T]) -> Callable[[HttpRequest], T]:
    """Look once, however many jobs a request submits."""

    @wraps(look)
    def found(request: HttpRequest) -> T:
        known = request.__dict__
        if look.__name__ not in known:
            known[look.__name__] = look(request)
        return cast("T", known[look.__name__])

    return found


@once_a_request
def queues_besides(request: HttpRequest) -> set[str]:
    """Queues that no kind here is declared for: somebody made them, or a worker serves them."""
    return {name for (name,) in DJANGO.rows(BESIDES, {"silent": silent_seconds()})}


@once_a_request
def own_teams(request: HttpRequest) -> dict[str, Group]:
    """Whom they can share with, by name."""
    return {group.name: group for group in teams(request.user)}
