"""What can be asked of a job: every field of the grammar, what it takes and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from jobs.errors import BadFilter
from jobs.owners import can_operate
from jobs.registry import KINDS
from jobs.search.grammar import Value, Word
from jobs.search.moments import FORMS, Stretch, stretch
from jobs.states import FINAL, Code, State

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

APART = timedelta(hours=1)
"""How far the clock that makes ids and the clock of `created_at` may be from each other."""
DAY_FORM, MINUTE_FORM = "%Y-%m-%d", "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Asker:
    """Who asks, and when; nobody in particular is the command line, which sees everything."""

    user: User | AnonymousUser | None
    now: datetime


Finds = Callable[[Word, Value, Asker], Q]
Says = Callable[[Word, Value, Asker], str]


@dataclass(frozen=True)
class Field:
    """One field: in a line of help, as an example, as a condition, in plain words."""

    name: str
    means: str
    example: str
    finds: Finds
    head: str
    """How its meaning begins, in plain words."""
    says: Says
    is_single: bool = True
    """A job has one of it, so naming it twice would find nothing."""


def refuse(word: Word, value: Value, why: str) -> BadFilter:
    """The error for a value that does not fit."""
    return BadFilter(word.text, value.column, why)


def choose(word: Word, value: Value, known: Iterable[str], what: str, otherwise: str = "") -> str:
    """The value if it is one of the known; else the nearest is named."""
    names = sorted(known)
    if value.text in names:
        return value.text
    near = get_close_matches(value.text, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(names) or 'none'}"
    raise refuse(word, value, f"there is no {what} `{value.text}`; {hint}{otherwise}")


def like(column: str, value: Value) -> Q:
    """Equal, or what a pattern fits: a star stands for any characters."""
    if not value.is_pattern:
        return Q(**{column: value.text})
    begin, star, rest = value.text.partition("*")
    if star and not rest:
        return Q(**{f"{column}__startswith": begin})
    return Q(**{f"{column}__regex": "^" + ".*".join(map(re.escape, value.text.split("*"))) + "$"})


def same(word: Word, value: Value, asker: Asker) -> str:
    return f"like {value.text}" if value.is_pattern else value.text


def state(word: Word, value: Value, asker: Asker) -> Q:
    """With what is true of every job in that state, so that the smallest index can answer."""
    found = State(choose(word, value, list(State), "state"))
    if found == State.RUNNING:
        return Q(state=found, lease__isnull=False)
    if found == State.QUEUED:
        return Q(state=found) & (
            Q(ready=True) | Q(held_by__isnull=False) | Q(ready=False, held_by__isnull=True)
        )
    if found in FINAL:
        return Q(state=found, finished_at__isnull=False)
    return Q(state=found)


def kind(word: Word, value: Value, asker: Asker) -> Q:
    if not value.is_pattern:
        names = [each.name for each in KINDS.listed()] + [value.text] * (KINDS.get(value.text) is not None)
        choose(word, value, names, "kind", f"; for one that was here once write `kind:{value.text}*`")
    return like("kind", value)


def queue(word: Word, value: Value, asker: Asker) -> Q:
    return like("queue", value)


def door(word: Word, value: Value, asker: Asker) -> Q:
    return like("door", value)


def code(word: Word, value: Value, asker: Asker) -> Q:
    """Which codes a job that did not succeed may have ended with is known, and those have an index."""
    found = choose(word, value, list(Code), "code")
    ended = Q() if found == Code.OK else Q(state__in=[State.FAILED, State.CANCELLED])
    return Q(code=found) & ended


def owner(word: Word, value: Value, asker: Asker) -> Q:
    """By name; `me` is who asks. Only operators may ask for others."""
    model = get_user_model()
    if asker.user is None and value.text == "me" and not value.is_quoted:
        raise refuse(word, value, "on the command line nobody is `me`; name the user")
    if asker.user is not None:
        if value.text == "me" or value.text == asker.user.get_username():
            return Q(owner_id=asker.user.pk)
        if not can_operate(asker.user):
            raise refuse(word, value, "only operators may ask for others' jobs; yours are `owner:me`")
    if value.is_pattern:
        raise refuse(word, value, "an owner is named in full, without a star")
    found = model.objects.filter(**{model.USERNAME_FIELD: value.text}).values_list("pk", flat=True).first()
    if found is None:
        raise refuse(word, value, f"there is no user `{value.text}`")
    return Q(owner_id=found)


def error(word: Word, value: Value, asker: Asker) -> Q:
    return Q(error__icontains=value.text) & ~Q(error="")


def quotes(word: Word, value: Value, asker: Asker) -> str:
    return f"“{value.text}”"


def id(word: Word, value: Value, asker: Asker) -> Q:
    """A whole id or its beginning."""
    digits = value.text.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", digits):
        raise refuse(word, value, "an id, or at least the first 4 of its digits (0-9, a-f), is wanted")
    if len(digits) == 32:
        return Q(id=UUID(digits))
    return Q(id__gte=UUID(f"{digits:0<32}"), id__lte=UUID(f"{digits:f<32}"))


def id_says(word: Word, value: Value, asker: Asker) -> str:
    return value.text if len(value.text) >= 32 else f"{value.text}…"


def span(word: Word, value: Value, asker: Asker) -> Stretch:
    found = stretch(value.text, value.operator, asker.now, ahead=word.field == "due")
    if found is None:
        raise refuse(word, value, f"`{value.text}` is no time; write {FORMS}, with `>` later or `<` earlier")
    return found


def between(column: str, found: Stretch) -> Q:
    """Null is never between. What happened before a moment was submitted before it."""
    condition = Q(**{f"{column}__isnull": False})
    if found.start is not None:
        condition &= Q(**{f"{column}__gte": found.start})
    if found.end is not None:
        condition &= Q(**{f"{column}__lt": found.end})
        if column != "run_at":
            condition &= Q(id__lt=first_id(found.end + APART))
    return condition


def created(word: Word, value: Value, asker: Asker) -> Q:
    """Ids grow with time, and are what the list is read by: they bound how far it is read."""
    found = span(word, value, asker)
    condition = Q()
    if found.start is not None:
        condition &= Q(id__gte=first_id(found.start - APART), created_at__gte=found.start)
    if found.end is not None:
        condition &= Q(id__lt=first_id(found.end + APART), created_at__lt=found.end)
    return condition


def first_id(moment: datetime) -> UUID:
    """The least UUIDv7 of that moment."""
    return UUID(int=min(max(int(moment.timestamp() * 1000), 0), 2**48 - 1) << 80)


def started(word: Word, value: Value, asker: Asker) -> Q:
    return between("started_at", span(word, value, asker))


def finished(word: Word, value: Value, asker: Asker) -> Q:
    return between("finished_at", span(word, value, asker))


def due(word: Word, value: Value, asker: Asker) -> Q:
    waiting = Q(state__in=[State.SCHEDULED, State.RETRYING])
    return between("run_at", span(word, value, asker)) & waiting


def times(word: Word, value: Value, asker: Asker) -> str:
    """With the moments it came to, for `>2h` can be read in two ways."""
    start, end = span(word, value, asker)
    if start is None or end is None:
        side = "since" if start is not None else "before"
        return f"{side} {local(start or end)}"
    if end - start == timedelta(days=1):
        return f"on {timezone.localtime(start):{DAY_FORM}}"
    return f"from {local(start)} to {local(end)}"


def local(moment: Any) -> str:
    return f"{timezone.localtime(moment):{MINUTE_FORM}}"


ALL = (
    Field("state", "where it is in its life", "state:failed,retrying", state, "state is", same),
    Field("kind", "what is done; `*` stands for any characters", "kind:images.*", kind, "kind is", same),
    Field("queue", "the line it waits in", "queue:images", queue, "queue is", same),
    Field("owner", "whose it is; `me` is you", "owner:me", owner, "owner is", same),
    Field("error", "words in its last error", 'error:"timed out"', error, "the error says", quotes, False),
    Field("code", "how it ended", "code:timeout", code, "code is", same),
    Field("door", "how it came: web, api, cli, schedule, public, code", "door:api", door, "door is", same),
    Field("id", "its id, or how it begins", "id:01a203b8", id, "id is", id_says),
    Field(
        "created",
        "when it came; `>2h`: in the last two hours",
        "created:>2h",
        created,
        "created",
        times,
        False,
    ),
    Field("started", "when its latest attempt began", "started:today", started, "started", times, False),
    Field(
        "finished", "when it ended; `<`: before", "finished:<2026-11-01", finished, "finished", times, False
    ),
    Field("due", "when it is to start; `<10m`: within ten minutes", "due:<10m", due, "due", times, False),
)
FIELDS = {field.name: field for field in ALL}
TIMES = frozenset({"created", "started", "finished", "due"})
