"""The page of a kind: its form, and what becomes of it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from jobs.errors import NotFound
from jobs.owners import must_submit
from jobs.pages.answers import page, signed_in
from jobs.pages.asking import Asking
from jobs.pages.draft import Typed, read_draft
from jobs.pages.example import command_of
from jobs.registry import KINDS, Kind


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def kind_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the form; submit what was sent."""
    kind = KINDS.find_listed(name)
    must_submit(request.user)
    asking = Asking.read(request, kind, typed_before(request, kind) if request.method != "POST" else None)
    if request.method == "POST" and asking.is_valid() and kind.review and "check" in request.POST:
        if draft := asking.keep(request.user):  # type: ignore[arg-type]
            return redirect("draft", draft)
    elif request.method == "POST" and asking.is_valid():
        scope = f"web:{request.user.pk}:{kind.name}"
        submitted = asking.submit(request.user, scope=scope, door="web")  # type: ignore[arg-type]
        if submitted:
            if submitted.replayed:
                messages.info(request, "You had sent this already: here is its job.", fail_silently=True)
            return redirect("job", submitted.id)
    if request.method == "POST":
        asking.refuse(request.user)  # type: ignore[arg-type]
    return page(
        request,
        "kind.html",
        {"asking": asking, "section": "catalogue", "command": command_of(kind, request.user.get_username())},
        status=422 if request.method == "POST" else 200,
    )


def typed_before(request: HttpRequest, kind: Kind) -> Typed | None:
    """What the form said that a draft was made of, for who comes back from it; None for an empty form."""
    try:
        id = UUID(request.GET.get("draft", ""))
        draft = read_draft(request, id)
    except ValueError:
        return None
    except NotFound as error:
        messages.warning(request, str(error), fail_silently=True)
        return None
    return draft.typed if draft.draft_of == kind.name else None
