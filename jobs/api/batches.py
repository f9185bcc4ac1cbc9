"""Batches: many jobs in one request and one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pydantic
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router

from jobs.api.answers import answer, explain, misfits
from jobs.api.asking import Asking
from jobs.api.auth import SUBMIT, must_submit
from jobs.api.idempotent import idempotent
from jobs.api.limits import count_submits
from jobs.api.problems import Refused, Wrong, describe
from jobs.api.schemas import BatchIn, BatchOut, JobIn
from jobs.errors import MillraceError

router = Router(tags=["jobs"])


@router.post("/jobs/batch", auth=SUBMIT, response={200: BatchOut}, summary="Submit many jobs")
@idempotent
def submit_batch(request: HttpRequest, given: BatchIn) -> HttpResponse:
    """Each job is accepted or rejected by itself; with `atomic` one bad job refuses them all (422)."""
    must_submit(request)
    count_submits(request, len(given.jobs))
    read = [read_one(request, each) for each in given.jobs]
    with transaction.atomic():
        told = [accept(request, each) for each in read]
        rejected = [number for number, each in enumerate(told) if each["problem"]]
        if given.atomic and rejected:
            raise refusal([(number, told[number]["problem"]) for number in rejected])
    counts = {"accepted": len(told) - len(rejected), "rejected": len(rejected)}
    return answer(counts | {"jobs": told})


def read_one(request: HttpRequest, given: dict[str, Any]) -> Asking | dict[str, Any]:
    """What was asked, or the problem with it."""
    try:
        return Asking.read(request, JobIn.model_validate(given))
    except pydantic.ValidationError as error:
        wrong = misfits(error)
        return describe("invalid", "; ".join(f"{each.pointer}: {each.detail}" for each in wrong[:3]), wrong)
    except MillraceError as error:
        return describe(*explain(error))


def accept(request: HttpRequest, read: Asking | dict[str, Any]) -> dict[str, Any]:
    """Submit one, in the savepoint of its verb: what is refused now leaves the others as they are."""
    if isinstance(read, dict):
        return {"job": None, "problem": read}
    try:
        job: UUID = read.submit(request)
    except MillraceError as error:
        return {"job": None, "problem": describe(*explain(error))}
    return {"job": read.accepted(job), "problem": None}


def refusal(problems: Sequence[tuple[int, dict[str, Any]]]) -> Refused:
    """Everything that is wrong with an atomic batch, each place from the top of the body."""
    wrong = [
        Wrong(f"/jobs/{number}{each.get('pointer', '')}", each["detail"], each["code"])
        for number, found in problems
        for each in found.get("errors") or [found]
    ]
    return Refused("batch_refused", f"{len(problems)} of these jobs do not fit, so none was accepted.",
                   errors=wrong)  # fmt: skip
