"""The operators' view of queues and workers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from jobs.errors import NotFound
from jobs.lifecycle.pause import pause_queue, resume_queue
from jobs.lifecycle.place import QUEUE_NAME
from jobs.lines import limit_lines, queue_lines, worker_lines
from jobs.pages.answers import for_operators, is_live, page
from jobs.pages.words import word


@require_safe
@for_operators
def queues(request: HttpRequest) -> HttpResponse:
    """Depth, age, pauses and who works on what; htmx asks for the lines alone."""
    context = {
        "section": "queues",
        "lines": queue_lines(),
        "workers": worker_lines(),
        "limits": limit_lines(),
    }
    return page(request, "queues_lines.html" if is_live(request) else "queues.html", context)


@require_POST
@for_operators
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Claim nothing from this queue until somebody resumes it."""
    check_name(name)
    pause_queue(name, actor=request.user.get_username(), reason=word(request.POST, "reason"))
    messages.success(request, f"{name} is paused. What runs goes on; nothing new begins.", fail_silently=True)
    return redirect("queues")


@require_POST
@for_operators
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let the queue's jobs begin again."""
    check_name(name)
    if resume_queue(name, actor=request.user.get_username()):
        messages.success(request, f"{name} is open again.", fail_silently=True)
    else:
        messages.info(request, f"{name} was not paused.", fail_silently=True)
    return redirect("queues")


def check_name(name: str) -> None:
    if not QUEUE_NAME.match(name):
        raise NotFound(f"There is no queue {name!r}.")
