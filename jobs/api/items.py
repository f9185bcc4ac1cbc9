"""The items of a job, such as a campaign's recipients: how each stands, and the decision about them."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from jobs import items
from jobs.api.answers import answer
from jobs.api.auth import READ, SUBMIT, must_submit
from jobs.api.idempotent import idempotent
from jobs.api.limits import count_submits
from jobs.api.link import page_links
from jobs.api.schemas import Decided, DecideIn, ItemPage
from jobs.item_list import WantedItems, page_of_items, reference
from jobs.item_note import note_of
from jobs.lifecycle.again import do_again, leave_as_they_are
from jobs.models import Item, Job
from jobs.owners import find_job, own_job
from jobs.registry import KINDS
from jobs.search.record import time

router = Router(tags=["jobs"])
Stands = Literal["pending", "doing", "done", "failed", "skipped", "uncertain", "returned"]


@router.get("/jobs/{uuid:id}/items", auth=READ, response=ItemPage, summary="List a job's items")
def get_items(
    request: HttpRequest,
    id: UUID,
    state: Stands | None = Query(
        None, description="Only those that stand so; `returned`: those about which a report came back."
    ),
    text: str = Query("", max_length=254, description="A part of the key, such as an address."),
    after: str = Query("", max_length=2_000, description="`next` of the page before."),
    limit: int = Query(50, ge=1, le=1_000, description="How many at most."),
) -> HttpResponse:
    """What it does for each, by key: a campaign's recipients, and what became of them.

    `counts` is of all of them, and adds up to what was accepted.
    """
    job = find_job(request.user, id)
    found = page_of_items(job.id, WantedItems(state or "", text), after=after, size=limit)
    beside = page_links(request, next={"after": found.after} if found.after else {})
    counts = {state.value: number for state, number in items.counts(job.id).items()}
    shown = {"items": [shown_item(item, job) for item in found.rows], "next": found.after or None}
    return answer(shown | {"counts": counts}, headers=beside)


@router.post("/jobs/{uuid:id}/decide", auth=SUBMIT, response=Decided, summary="Decide about uncertain items")
@idempotent
def decide(request: HttpRequest, id: UUID, given: DecideIn) -> HttpResponse:
    """What nobody knows to have happened is done again, as a new job, or left. It cannot be undone.

    The job has to have ended (409). Without `items` it is about all that are uncertain and not decided about.
    """
    must_submit(request)
    job = own_job(request.user, id)
    actor = request.user.get_username()
    if given.act == "leave":
        return answer({"decided": leave_as_they_are(job, actor=actor, items=given.items), "job": None})
    count_submits(request)
    new = do_again(job, actor=actor, door="api", items=given.items)
    return answer({"decided": Item.objects.filter(job_id=new).count(), "job": str(new)})


def shown_item(item: Item, job: Job) -> dict[str, Any]:
    """One of them."""
    return {
        "id": item.id,
        "key": item.key,
        "state": item.state,
        "note": note_of(item.detail),
        "detail": item.detail,
        "reference": reference(item, KINDS.item_words(job.kind)) or None,
        "moved_at": time(item.moved_at),
    }
