"""Batches: many jobs in one request and one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast
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
from jobs.api.problems import MOST_OF_ONE, Refused, Wrong, describe, wrongs
from jobs.api.schemas import BatchIn, BatchOut, JobIn
from jobs.errors import MillraceError
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many

router = Router(tags=["jobs"])
Described = dict[str, Any]
"""An entry of the answer, or the problem in it."""


@router.post("/jobs/batch", auth=SUBMIT, response={200: BatchOut}, summary="Submit many jobs")
@idempotent
def submit_batch(request: HttpRequest, given: BatchIn) -> HttpResponse:
    """Each job is accepted or rejected by itself; with `atomic` one bad job refuses them all (422).

    Jobs of one kind keep their order.
    """
    must_submit(request)
    count_submits(request, len(given.jobs))
    read = [read_one(request, each) for each in given.jobs]
    with transaction.atomic():
        told = accept_all(request, read)
        rejected = [number for number, each in enumerate(told) if each["problem"]]
        if given.atomic and rejected:
            raise refusal([(number, told[number]["problem"]) for number in rejected])
    counts = {"accepted": len(told) - len(rejected), "rejected": len(rejected)}
    return answer(counts | {"jobs": told})


def read_one(request: HttpRequest, given: dict[str, Any]) -> Asking | Described:
    """What was asked, or the problem with it."""
    try:
        return Asking.read(request, JobIn.model_validate(given))
    except pydantic.ValidationError as error:
        wrong = misfits(error, most=MOST_OF_ONE)
        return describe("invalid", "; ".join(f"{each.pointer}: {each.detail}" for each in wrong[:3]), wrong)
    except MillraceError as error:
        return describe(*explain(error, most=MOST_OF_ONE))


def accept_all(request: HttpRequest, read: Sequence[Asking | Described]) -> list[Described]:
    """What became of each, in the order given."""
    told = [{"job": None, "problem": each} if isinstance(each, dict) else {} for each in read]
    for numbers in alike(read):
        askings = [cast("Asking", read[number]) for number in numbers]
        for number, each in zip(numbers, accept_alike(request, askings), strict=True):
            told[number] = each
    return told


def alike(read: Sequence[Asking | Described]) -> Iterable[list[int]]:
    """The places of those that differ in nothing but their payloads."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for number, each in enumerate(read):
        if isinstance(each, Asking):
            group = each.group.pk if each.group else None
            where = (each.kind.name, each.queue, each.priority, each.run_at, group)
            found.setdefault(where, []).append(number)
    return found.values()


def accept_alike(request: HttpRequest, askings: Sequence[Asking]) -> list[Described]:
    """All at once; one by one if one of them does not fit, so that it leaves the others as they are."""
    first = askings[0]
    if len(askings) > 1:
        payloads = [each.payload for each in askings]
        with suppress(MillraceError):
            ids = submit_many(first.kind.name, payloads, **first.how(request))
            return [accepted(each, job) for each, job in zip(askings, ids, strict=True)]
    return [accept(request, each) for each in askings]


def accept(request: HttpRequest, asking: Asking) -> Described:
    """Submit one, in the savepoint of its verb."""
    try:
        return accepted(asking, submit_job(asking.kind.name, asking.payload, **asking.how(request)).id)
    except MillraceError as error:
        return {"job": None, "problem": describe(*explain(error, most=MOST_OF_ONE))}


def accepted(asking: Asking, job: UUID) -> Described:
    """An entry of the answer."""
    return {"job": asking.accepted(job), "problem": None}


def refusal(problems: Sequence[tuple[int, Described]]) -> Refused:
    """Everything that is wrong with an atomic batch, each place from the top of the body."""
    places = [
        Wrong(f"/jobs/{number}{each.get('pointer', '')}", each["detail"], each["code"])
        for number, found in problems
        for each in found.get("errors") or [found]
    ]
    detail = f"{len(problems)} of these jobs do not fit, so none was accepted."
    return Refused("batch_refused", detail, errors=wrongs(places, lambda each: each))
