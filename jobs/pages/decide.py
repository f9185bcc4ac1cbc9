"""The decision about uncertain items of a job, one, some or all: asked back before it is done."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from jobs.errors import NotPossible, Refusal
from jobs.item_list import UNDECIDED
from jobs.item_note import notes_of
from jobs.lifecycle.again import do_again, leave_as_they_are
from jobs.models import Item, Job
from jobs.owners import must_submit, own_job
from jobs.pages.answers import page, signed_in
from jobs.registry import KINDS

AGAIN, LEAVE = "again", "leave"
SHOWN = 20
"""So many are named before one decides; the others are counted."""
MOST = 1_000
"""So many can be chosen one by one; all of them need not be named."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def job_decide(request: HttpRequest, id: UUID) -> HttpResponse:
    """Say what it means (GET), and do it (POST): it cannot be undone."""
    job = own_job(request.user, id)
    data = request.POST if request.method == "POST" else request.GET
    act, chosen = act_in(data), chosen_in(data)
    if act == AGAIN:
        must_submit(request.user)
    if not act or chosen == []:
        messages.warning(request, f"Choose {KINDS.item_words(job.kind).many} first.", fail_silently=True)
        return redirect("job-items", job.id)
    try:
        return do(request, job, act, chosen) if request.method == "POST" else ask(request, job, act, chosen)
    except Refusal as refusal:
        messages.warning(request, str(refusal), fail_silently=True)
        return redirect("job", job.id)


def ask(request: HttpRequest, job: Job, act: str, chosen: list[int] | None) -> HttpResponse:
    """The page that asks back."""
    if not job.is_final:
        raise NotPossible(f"It is {job.state}: decide when it has ended.")
    rows = Item.objects.filter(UNDECIDED, job=job)
    if chosen is not None:
        rows = rows.filter(id__in=chosen)
    count = rows.count()
    if not count:
        raise NotPossible("Nothing is undecided here: somebody may have been faster.")
    words = KINDS.item_words(job.kind)
    context = {
        "section": "jobs",
        "job": job,
        "kind": KINDS.get(job.kind),
        "words": words,
        "act": act,
        "is_again": act == AGAIN,
        "chosen": chosen,
        "count": count,
        "counted": words.count(count),
        "lines": [(item.key, notes_of(item.detail)) for item in rows.order_by("key")[:SHOWN]],
        "more": max(0, count - SHOWN),
    }
    return page(request, "decide.html", context)


def do(request: HttpRequest, job: Job, act: str, chosen: list[int] | None) -> HttpResponse:
    """What was decided, once; two who press the button are one after the other."""
    actor, words = request.user.get_username(), KINDS.item_words(job.kind)
    if act == LEAVE:
        count = leave_as_they_are(job, actor=actor, items=chosen)
        text = f"Left as they are: {words.count(count)}."
        messages.success(request, text, fail_silently=True)
        return redirect("job", job.id)
    new = do_again(job, actor=actor, door="web", items=chosen)
    count = Item.objects.filter(job_id=new).count()
    text = f"This is a new job for {words.count(count)} of whom nobody knew {words.doubt}."
    messages.success(request, text, fail_silently=True)
    return redirect("job", new)


def act_in(data: QueryDict) -> str:
    """What is to be done: again, or left; empty for anything else. One line's own buttons name it too."""
    for name in ("one", "act"):
        act, _, _ = data.get(name, "").partition("-")
        if act in {AGAIN, LEAVE}:
            return act
    return ""


def chosen_in(data: QueryDict) -> list[int] | None:
    """The ids of those it is about; None for all of them."""
    _, _, one = data.get("one", "").partition("-")
    if one:
        return ids([one])
    return None if data.get("all") else ids(data.getlist("item")[:MOST])


def ids(texts: list[str]) -> list[int]:
    """Those of the texts that are the number of an item."""
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]
