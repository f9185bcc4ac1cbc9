"""Tokens: by which a person's programs say whose they are. A new one's secret is shown once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from jobs.errors import NotFound
from jobs.models import Token
from jobs.owners import can_operate
from jobs.pages.answers import optional_url, page, signed_in
from jobs.tokens import NAME_CHARACTERS, Made, Scope, live_tokens, make_token, revoke_tokens

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SCOPES = {
    Scope.SUBMIT: "Submit jobs and files, retry and run again",
    Scope.READ: "Look at jobs, results and files",
    Scope.CANCEL: "Cancel jobs",
    Scope.OPERATE: "See and act on everybody's jobs, pause queues, keep schedules",
    Scope.BOUNCES: "Hand in reports about mail that came back",
}
SPANS = {"30": "30 days", "90": "90 days", "365": "a year", "": "it does not expire"}

REVOKED = "Revoked. It opens nothing any more. Webhook endpoints that it made are yours, and stay."


class TokenForm(forms.Form):
    """What a new token is for, and how far it reaches."""

    name = forms.CharField(max_length=NAME_CHARACTERS, help_text="What it is for: ci, backup, …")
    scopes = forms.MultipleChoiceField(
        label="It may",
        initial=[Scope.SUBMIT, Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        help_text="Never more than you may yourself.",
    )
    days = forms.ChoiceField(label="Until", choices=list(SPANS.items()), required=False, initial="90")

    def __init__(self, *args: object, user: User) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        offered = [scope for scope in Scope if scope is not Scope.OPERATE or can_operate(user)]
        field = cast(forms.MultipleChoiceField, self.fields["scopes"])
        field.choices = [(scope.value, SCOPES[scope]) for scope in offered]

    def make(self, owner: User) -> Made:
        """The token; raises Refusal."""
        given = self.cleaned_data
        days = int(given["days"] or 0)
        return make_token(
            owner,
            name=given["name"],
            scopes=given["scopes"],
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens, and a form for another."""
    user = cast("User", request.user)
    is_sent = request.method == "POST"
    form = TokenForm(*([request.POST] if is_sent else []), user=user)
    made = form.make(user) if is_sent and form.is_valid() else None
    if made:
        form = TokenForm(user=user)
    live = live_tokens(user)
    context = {
        "section": "tokens",
        "tokens": live,
        "form": form,
        "made": made,
        "api_url": optional_url("millrace_api:docs"),
    }
    return page(request, "tokens.html", context, status=422 if is_sent and not made else 200)


@require_POST
@signed_in
def token_revoke(request: HttpRequest, id: UUID) -> HttpResponse:
    """It opens nothing any more, nor does any token it made."""
    if not Token.objects.filter(pk=id, owner_id=request.user.pk).exists():
        raise NotFound("There is no such token, or it is not yours.")
    revoke_tokens([id])
    messages.success(request, REVOKED, fail_silently=True)
    return redirect("tokens")
