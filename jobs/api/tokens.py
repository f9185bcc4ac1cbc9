"""Tokens: make, list and revoke one's own. A token knows only itself and those it made."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Router

from jobs.api.answers import answer
from jobs.api.auth import ANYBODY, holder_of
from jobs.api.idempotent import keyless
from jobs.api.schemas import TokenAbout, TokenIn, TokenMade, TokensOut
from jobs.api.shown import shown_token
from jobs.errors import NotFound
from jobs.models import Token
from jobs.tokens import family_of, make_token, revoke_tokens

router = Router(tags=["tokens"])


@router.get("/tokens", auth=ANYBODY, response=TokensOut, summary="List your tokens")
def list_tokens(request: HttpRequest) -> HttpResponse:
    """Those that open something, the newest first; secrets are not shown."""
    found = own_tokens(request).filter(revoked_at=None).exclude(expires_at__lte=timezone.now())
    return answer({"tokens": [shown_token(token) for token in found]})


@router.post("/tokens", auth=ANYBODY, response={201: TokenMade}, summary="Make a token")
@keyless
def add_token(request: HttpRequest, given: TokenIn) -> HttpResponse:
    """Its `secret` is shown this once. A token makes only tokens that reach no further than itself."""
    holder = holder_of(request)
    made = make_token(
        holder.user, name=given.name, scopes=given.scopes, expires_at=given.expires_at, parent=holder.token
    )
    here = reverse("millrace_api:get_token", args=[made.token.id])
    body = shown_token(made.token) | {"secret": made.secret}
    return answer(body, status=201, headers={"Location": here, "Cache-Control": "no-store"})


@router.get("/tokens/{uuid:id}", auth=ANYBODY, response=TokenAbout, summary="Get a token")
def get_token(request: HttpRequest, id: UUID) -> HttpResponse:
    """What it may, and when it was last used."""
    return answer(shown_token(own_token(request, id)))


@router.delete("/tokens/{uuid:id}", auth=ANYBODY, response={204: None}, summary="Revoke a token")
def revoke_token(request: HttpRequest, id: UUID) -> HttpResponse:
    """It and every token it made open nothing any more. Webhook endpoints belong to their owner, and stay."""
    revoke_tokens([own_token(request, id).id])
    return HttpResponse(status=204)


def own_token(request: HttpRequest, id: UUID) -> Token:
    """A token of whoever asks; raises NotFound."""
    found = own_tokens(request).filter(pk=id).first()
    if found is None:
        raise NotFound(f"You have no token {id}.")
    return found


def own_tokens(request: HttpRequest) -> QuerySet[Token]:
    """A person's tokens; for a token itself and its children, so that a stolen one cannot end the others."""
    holder = holder_of(request)
    found = Token.objects.filter(owner_id=holder.user.pk)
    return found.filter(pk__in=family_of(holder.token)) if holder.token else found
