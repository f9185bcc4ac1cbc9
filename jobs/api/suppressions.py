"""Suppressions: addresses that get no more mail. One's own; operators see and lift everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router
from ninja.params.functions import Query

from jobs.api.answers import answer
from jobs.api.auth import READ, SUBMIT, holder_of, must_submit
from jobs.api.idempotent import idempotent
from jobs.api.link import page_links
from jobs.api.problems import Refused, Wrong
from jobs.api.schemas import (
    AddressesIn,
    LiftIn,
    SuppressedList,
    SuppressionOut,
    SuppressionPage,
    SuppressionsAdded,
    SuppressionsIn,
    SuppressionsLifted,
)
from jobs.api.shown import time
from jobs.mail.address import read_address
from jobs.mail.listing import Wanted, find_suppression, page_of_suppressions
from jobs.mail.suppression import Entry, lift, look_up, suppress
from jobs.models import Suppression
from jobs.models.suppression import Suppressed

router = Router(tags=["suppressions"])


@router.get("/suppressions", auth=READ, response=SuppressionPage, summary="List suppressions")
def list_suppressions(
    request: HttpRequest,
    text: str = Query("", max_length=254, description="A part of the address."),
    reason: Suppressed | None = Query(None, description="Only those suppressed for this."),
    owner: str = Query("", max_length=150, description="Only those of this user."),
    cursor: str = Query("", max_length=200, description="`next` of the page before."),
    limit: int = Query(50, ge=1, le=200, description="How many at most."),
) -> HttpResponse:
    """Those in force, the newest first: yours, with the scope `operate` everybody's."""
    wanted = Wanted(text, reason.value if reason else "", owner)
    page = page_of_suppressions(request.user, wanted, cursor, size=limit)
    beside = page_links(
        request,
        next={"cursor": page.older} if page.older else {},
        prev={"cursor": page.newer} if page.newer else {},
    )
    return answer({"suppressions": list(map(shown, page.rows)), "next": page.older or None}, headers=beside)


@router.post("/suppressions", auth=SUBMIT, response=SuppressionsAdded, summary="Add suppressions")
@idempotent
def add_suppressions(request: HttpRequest, given: SuppressionsIn) -> HttpResponse:
    """No more of your mail goes to these. One bad address refuses all; adding twice is adding once."""
    must_submit(request)
    entries = [
        Entry(
            address=address, reason=given.reason, source="api", note=given.note, expires_at=given.expires_at
        )
        for address in checked(given.addresses)
    ]
    added = len(suppress(owner_of(request), entries))
    return answer({"added": added, "known": len(entries) - added})


@router.post("/suppressions/lift", auth=SUBMIT, response=SuppressionsLifted, summary="Lift suppressions")
@idempotent
def lift_suppressions(request: HttpRequest, given: LiftIn) -> HttpResponse:
    """Your mail may go to these again. Those that were not suppressed are passed over."""
    must_submit(request)
    return answer({"lifted": len(lift(owner_of(request), given.addresses, reasons=given.reasons))})


@router.post("/suppressions/look-up", auth=READ, response=SuppressedList, summary="Look up suppressions")
@idempotent
def look_up_suppressions(request: HttpRequest, given: AddressesIn) -> HttpResponse:
    """Which of these get no mail of yours, and why. Changes nothing."""
    found = look_up(owner_of(request), given.addresses)
    return answer({"suppressed": [{"address": each, "reason": why.value} for each, why in found.items()]})


@router.get("/suppressions/{uuid:id}", auth=READ, response=SuppressionOut, summary="Get a suppression")
def get_suppression(request: HttpRequest, id: UUID) -> HttpResponse:
    """An address, and why it gets no mail."""
    return answer(shown(find_suppression(request.user, id)))


@router.delete("/suppressions/{uuid:id}", auth=SUBMIT, response={204: None}, summary="Lift a suppression")
def remove_suppression(request: HttpRequest, id: UUID) -> HttpResponse:
    """Its owner's mail may go there again."""
    must_submit(request)
    found = find_suppression(request.user, id)
    lift(found.owner_id, [found.address])
    return HttpResponse(status=204)


def checked(addresses: Sequence[str]) -> list[str]:
    """Each as mail servers know it; raises Refused with the place of each that is no address."""
    found, wrong = [], []
    for place, address in enumerate(addresses):
        try:
            found.append(read_address(address))
        except ValueError as error:
            wrong.append(Wrong(f"/addresses/{place}", f"{address[:100]!r} {error}", "bad_address"))
    if wrong:
        raise Refused("invalid", " ".join(each.detail for each in wrong[:3]), errors=wrong[:100])
    return found


def owner_of(request: HttpRequest) -> int:
    """Whose list it is: whoever asks."""
    return int(holder_of(request).user.pk)


def shown(row: Suppression) -> dict[str, Any]:
    """A suppression."""
    return {
        "id": str(row.id),
        "owner": row.owner.get_username(),
        "address": row.address,
        "reason": row.reason,
        "source": row.source,
        "job": str(row.job) if row.job else None,
        "note": row.note,
        "expires_at": time(row.expires_at),
        "created_at": time(row.created_at),
        "links": {"self": reverse("millrace_api:get_suppression", args=[row.id])},
    }
