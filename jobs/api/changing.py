"""One change by program: checked, as far as it can be without making it."""

from __future__ import annotations

from django.http import HttpRequest

from jobs.api.asking import known_queue, must_set_priorities, read_payload
from jobs.api.auth import must_submit
from jobs.api.problems import Refused
from jobs.api.schemas import ChangeIn
from jobs.lifecycle.change import Change
from jobs.models import Job
from jobs.registry import KINDS


def check_is_json(request: HttpRequest) -> None:
    """Raises Refused for the formats of patches, which say by other rules what is to change."""
    if request.content_type not in {"", "application/json"}:
        raise Refused(
            "unsupported_media_type",
            f"This is {request.content_type}; send what is to change as application/json.",
            headers={"Accept-Patch": "application/json"},
        )


def read_change(request: HttpRequest, job: Job, given: ChangeIn) -> Change:
    """Only what is named changes. Raises UnknownKind, BadPayload, NotAllowed or Refused."""
    check_is_json(request)
    must_submit(request)
    named = given.model_fields_set
    payload = queue = None
    if "payload" in named:
        payload = read_payload(KINDS.find_listed(job.kind), given.payload)
    if "queue" in named:
        queue = known_queue(request, given.queue, KINDS.find_listed(job.kind))
    if "priority" in named and given.priority != job.priority:
        must_set_priorities(request)
    return Change(
        payload=payload,
        queue=queue,
        priority=given.priority if "priority" in named else None,
        run_at=given.run_at,
        at_once="run_at" in named and given.run_at is None,
    )
