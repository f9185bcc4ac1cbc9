"""Schedules: jobs that come by the clock; for operators."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router
from ninja.params.functions import Path

from jobs.api.answers import answer
from jobs.api.asking import known_queue, read_payload
from jobs.api.auth import OPERATE, must_operate
from jobs.api.idempotent import idempotent
from jobs.api.schemas import ScheduleIn, ScheduleOut, SchedulesOut
from jobs.api.shown import time
from jobs.registry import KINDS
from jobs.schedules.edit import (
    Schedule,
    Timing,
    change_schedule,
    delete_schedule,
    find_schedule,
    list_schedules,
    make_schedule,
    switch_schedule,
)

router = Router(tags=["schedules"])

Id = Path(..., ge=1, le=2**31 - 1)


@router.get("/schedules", auth=OPERATE, response=SchedulesOut, summary="List schedules")
def get_schedules(request: HttpRequest) -> HttpResponse:
    """Every schedule of a kind, by name."""
    must_operate(request)
    return answer({"schedules": [shown(each) for each in list_schedules()]})


@router.post("/schedules", auth=OPERATE, response={201: ScheduleOut}, summary="Make a schedule")
@idempotent
def add_schedule(request: HttpRequest, given: ScheduleIn) -> HttpResponse:
    """Fire a job of this kind by crontab, every so many seconds, or once."""
    must_operate(request)
    made = shown(make_schedule(**asked(request, given)))
    return answer(made, status=201, headers={"Location": made["links"]["self"]})


@router.get("/schedules/{int:id}", auth=OPERATE, response=ScheduleOut, summary="Get a schedule")
def get_schedule(request: HttpRequest, id: int = Id) -> HttpResponse:
    """When it fires, and when it last did."""
    must_operate(request)
    return answer(shown(find_schedule(id)))


@router.put("/schedules/{int:id}", auth=OPERATE, response=ScheduleOut, summary="Replace a schedule")
def put_schedule(request: HttpRequest, given: ScheduleIn, id: int = Id) -> HttpResponse:
    """The whole of it; what is left out takes its default."""
    must_operate(request)
    find_schedule(id)
    return answer(shown(change_schedule(id, **asked(request, given))))


@router.delete("/schedules/{int:id}", auth=OPERATE, response={204: None}, summary="Delete a schedule")
def remove_schedule(request: HttpRequest, id: int = Id) -> HttpResponse:
    """It fires no more; its jobs stay."""
    must_operate(request)
    delete_schedule(id)
    return HttpResponse(status=204)


@router.post("/schedules/{int:id}/enable", auth=OPERATE, response=ScheduleOut, summary="Switch on")
@idempotent
def enable_schedule(request: HttpRequest, id: int = Id) -> HttpResponse:
    """Let it fire."""
    must_operate(request)
    return answer(shown(switch_schedule(id, enabled=True)))


@router.post("/schedules/{int:id}/disable", auth=OPERATE, response=ScheduleOut, summary="Switch off")
@idempotent
def disable_schedule(request: HttpRequest, id: int = Id) -> HttpResponse:
    """Let it not fire until it is switched on; what it misses is not made up for."""
    must_operate(request)
    return answer(shown(switch_schedule(id, enabled=False)))


def asked(request: HttpRequest, given: ScheduleIn) -> dict[str, Any]:
    """What the schedule is to be; raises UnknownKind, BadPayload or Refused."""
    kind = KINDS.find_listed(given.kind)
    read_payload(kind, given.payload)
    return {
        "name": given.name,
        "kind": kind.name,
        "payload": given.payload,
        "timing": Timing(given.cron, given.timezone, given.every_seconds, given.at),
        "queue": known_queue(request, given.queue, kind) if given.queue else None,
        "priority": given.priority,
        "enabled": given.enabled,
        "description": given.description,
    }


def shown(schedule: Schedule) -> dict[str, Any]:
    """A schedule as this door shows it."""
    return {
        **{name: getattr(schedule, name) for name in ("id", "name", "kind", "payload", "queue", "priority")},
        "cron": schedule.timing.cron,
        "timezone": schedule.timing.timezone,
        "every_seconds": schedule.timing.every_seconds,
        "at": time(schedule.timing.at),
        "enabled": schedule.enabled,
        "description": schedule.description,
        "last_run_at": time(schedule.last_run_at),
        "runs": schedule.runs,
        "links": {"self": reverse("millrace_api:get_schedule", args=[schedule.id])},
    }
