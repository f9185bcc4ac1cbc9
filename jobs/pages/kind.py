"""The page of a kind: its form, and what becomes of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from jobs.owners import must_submit
from jobs.pages.answers import page, signed_in
from jobs.pages.asking import Asking
from jobs.pages.example import command_of
from jobs.registry import KINDS


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def kind_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the form; submit what was sent."""
    kind = KINDS.find_listed(name)
    must_submit(request.user)
    asking = Asking.read(request, kind)
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
    return page(
        request,
        "kind.html",
        {"asking": asking, "section": "catalogue", "command": command_of(kind)},
        status=422 if request.method == "POST" else 200,
    )
