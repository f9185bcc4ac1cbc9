"""Webhook endpoints: one's own (operators: all), their log, and what can be done about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.errors import BadPayload, Busy, NotAllowed, NotFound, NotPossible, Problem, Refusal
from jobs.models import Webhook
from jobs.owners import can_operate, can_submit
from jobs.pages.answers import is_live, page, signed_in
from jobs.pages.fields import LinesField
from jobs.pages.form import show_problems
from jobs.registry import KINDS
from jobs.webhooks.deliveries import Progress, newest_deliveries
from jobs.webhooks.endpoints import (
    DESCRIPTION_CHARACTERS,
    EVENTS,
    USUAL,
    Wish,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    find_endpoint,
    visible_endpoints,
)
from jobs.webhooks.guard import LONGEST
from jobs.webhooks.replay import replay_delivery, replay_failed, send_test
from jobs.webhooks.secrets import rotate_secret, seal, unseal

SHOWN = 25
"""So many of the newest deliveries are on the page."""
FRESH = "webhook_secret"
"""Where the session keeps a secret, sealed, until it was shown."""
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
TONES = {
    Progress.DELIVERED: "succeeded",
    Progress.FAILED: "failed",
    Progress.RETRYING: "retrying",
    Progress.WAITING: "queued",
}


class EndpointForm(forms.Form):
    """Where to, and what to tell."""

    url = forms.URLField(
        label="Address",
        max_length=LONGEST,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hooks"}),
        help_text="Events are posted there.",
    )
    description = forms.CharField(
        max_length=DESCRIPTION_CHARACTERS, required=False, help_text="What it is for."
    )
    events = forms.MultipleChoiceField(
        choices=list(EVENTS.items()), initial=USUAL, widget=forms.CheckboxSelectMultiple, label="Tell it when"
    )
    kinds = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Only of these kinds",
        help_text="None chosen: of every kind.",
    )
    queues = LinesField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Only of these queues",
        help_text="One to a line; empty: of every queue.",
    )
    is_for_all = forms.BooleanField(
        required=False, label="Everybody's jobs", help_text="Otherwise those of the endpoint's owner."
    )

    def __init__(self, *args: Any, may_be_for_all: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = [(kind.name, kind.title) for kind in KINDS.listed()]
        cast(forms.MultipleChoiceField, self.fields["kinds"]).choices = listed
        if not may_be_for_all:
            del self.fields["is_for_all"]

    def wish(self) -> Wish:
        """What a valid form asks for."""
        return Wish(**{"is_for_all": False} | self.cleaned_data)


@require_safe
@signed_in
def webhooks(request: HttpRequest) -> HttpResponse:
    """The endpoints."""
    context = {"section": "webhooks", "endpoints": list(visible_endpoints(request.user))}
    return page(request, "webhooks.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def webhook_new(request: HttpRequest) -> HttpResponse:
    """Make one."""
    if not can_submit(request.user):
        raise NotAllowed("Your account may look, but not make endpoints. Ask for the role “submitter”.")
    form = EndpointForm(request.POST or None, may_be_for_all=can_operate(request.user))
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = create_endpoint(cast(Any, request.user), form.wish())
        except (Refusal, Busy) as error:
            show_refusal(form, error)
        else:
            keep_fresh(request, webhook, secret)
            return redirect("webhook", webhook.id)
    return page(request, "webhook_form.html", {"section": "webhooks", "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def webhook_edit(request: HttpRequest, id: UUID) -> HttpResponse:
    """Change one; its secret stays."""
    webhook = find_endpoint(request.user, id)
    may = can_operate(request.user) and can_operate(webhook.owner)
    given = {name: getattr(webhook, name) for name in EndpointForm.base_fields}
    form = EndpointForm(request.POST or None, initial=given, may_be_for_all=may)
    if request.method == "POST" and form.is_valid():
        try:
            change_endpoint(webhook, form.wish(), actor=cast(Any, request.user))
        except (Refusal, Busy) as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Changed.", fail_silently=True)
            return redirect("webhook", webhook.id)
    return page(request, "webhook_form.html", {"section": "webhooks", "form": form, "webhook": webhook})


@never_cache
@require_safe
@signed_in
def webhook(request: HttpRequest, id: UUID) -> HttpResponse:
    """One endpoint and its log; htmx asks for the log alone."""
    found = find_endpoint(request.user, id)
    lines = newest_deliveries(found, SHOWN)
    context = {
        "section": "webhooks",
        "webhook": found,
        "secrets": list(found.secrets.all()),
        "kinds": [kind.title for name in found.kinds if (kind := KINDS.get(name))],
        "events": [EVENTS.get(event, event) for event in found.events],
        "lines": [(line, TONES[line.progress]) for line in lines],
        "has_failed": any(line.progress is Progress.FAILED for line in lines),
    }
    if is_live(request):
        return page(request, "webhook_log.html", context)
    return page(request, "webhook.html", context | {"secret": take_fresh(request, found)})


@require_POST
@signed_in
def webhook_act(request: HttpRequest, id: UUID, act: str) -> HttpResponse:
    """Test, rotate, enable, disable, delete, replay: one verb each."""
    found = find_endpoint(request.user, id)
    if act not in ACTS:
        raise NotFound(f"An endpoint knows no {act!r}; it knows {', '.join(ACTS)}.")
    try:
        said = ACTS[act](request, found)
    except NotPossible as error:
        messages.warning(request, str(error), fail_silently=True)
    else:
        messages.success(request, said, fail_silently=True)
    return redirect("webhooks") if act == "delete" else redirect("webhook", id)


@require_POST
@signed_in
def webhook_replay(request: HttpRequest, id: UUID, delivery: UUID) -> HttpResponse:
    """Send one delivery again."""
    found = find_endpoint(request.user, id)
    try:
        replay_delivery(found, delivery)
    except NotPossible as error:
        messages.warning(request, str(error), fail_silently=True)
    else:
        messages.success(request, "It is sent again, under the same id.", fail_silently=True)
    return redirect("webhook", id)


def act_test(request: HttpRequest, webhook: Webhook) -> str:
    send_test(webhook)
    return "A test is on its way; it appears in the log."


def act_rotate(request: HttpRequest, webhook: Webhook) -> str:
    keep_fresh(request, webhook, rotate_secret(webhook))
    return "There is a new secret. The old one signs beside it for a while."


def act_enable(request: HttpRequest, webhook: Webhook) -> str:
    enable_endpoint(webhook)
    return "It is told again what happens from now on."


def act_disable(request: HttpRequest, webhook: Webhook) -> str:
    disable_endpoint(webhook, why=f"{request.user.get_username()} switched it off.")
    return "It is told nothing more until somebody enables it."


def act_delete(request: HttpRequest, webhook: Webhook) -> str:
    delete_endpoint(webhook)
    return "Deleted, with its secrets and its log."


def act_replay(request: HttpRequest, webhook: Webhook) -> str:
    span = SPANS.get(request.POST.get("span", ""), SPANS["day"])
    number = replay_failed(webhook, timezone.now() - span)
    return f"{number} {'delivery is' if number == 1 else 'deliveries are'} sent again."


ACTS = {
    "test": act_test,
    "rotate": act_rotate,
    "enable": act_enable,
    "disable": act_disable,
    "delete": act_delete,
    "replay": act_replay,
}


def show_refusal(form: forms.Form, error: Refusal | Busy) -> None:
    """Each problem at its field."""
    problems = error.problems if isinstance(error, BadPayload) else [Problem((), str(error))]
    show_problems(form, problems)


def keep_fresh(request: HttpRequest, webhook: Webhook, secret: str) -> None:
    """Keep a new secret for the page that follows, sealed: sessions stand in the database."""
    request.session[FRESH] = [str(webhook.pk), seal(secret)]


def take_fresh(request: HttpRequest, webhook: Webhook) -> str:
    """The secret to show, this once; empty if there is none."""
    kept = request.session.get(FRESH)
    if not kept or kept[0] != str(webhook.pk):
        return ""
    del request.session[FRESH]
    return unseal(kept[1])
