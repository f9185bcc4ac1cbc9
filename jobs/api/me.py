"""Me: who asks, and what they may."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from jobs.api.answers import answer
from jobs.api.auth import ANYBODY, holder_of
from jobs.api.schemas import MeOut
from jobs.api.shown import shown_token
from jobs.owners import can_operate, can_submit, teams

router = Router(tags=["me"])


@router.get("/me", auth=ANYBODY, response=MeOut, summary="Who am I?")
def get_me(request: HttpRequest) -> HttpResponse:
    """Whose token this is, and what it may do."""
    holder = holder_of(request)
    return answer(
        {
            "name": holder.user.get_username(),
            "groups": [group.name for group in teams(holder.user)],
            "scopes": sorted(holder.scopes),
            "can_submit": can_submit(holder.user),
            "can_operate": can_operate(holder.user),
            "token": shown_token(holder.token) if holder.token else None,
        }
    )
