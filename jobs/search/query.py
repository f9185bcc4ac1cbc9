"""A filter as a condition on jobs, and in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q, QuerySet
from django.utils import timezone

from jobs.errors import BadFilter
from jobs.models import Job
from jobs.registry import KINDS
from jobs.search.fields import FIELDS, TIMES, Asker, Field
from jobs.search.grammar import Word, read, written
from jobs.states import State
from jobs.text import is_id

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser, User


NAMING = frozenset({"kind", "queue", "door", "id"})
"""Fields that say which jobs are meant so closely that those of inner kinds may be."""


class Part(NamedTuple):
    """One word of the filter and what it was taken to mean."""

    word: Word
    meaning: str


@dataclass(frozen=True)
class Search:
    """A filter that was understood. `text` is how it is written, the same for the same filter."""

    text: str
    parts: Sequence[Part]
    condition: Q

    def apply(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        """Those of the jobs that fit."""
        return jobs.filter(self.condition)


def search(text: str, *, user: User | AnonymousUser | None = None, now: datetime | None = None) -> Search:
    """What a filter asks for, as this person may ask it (None: the command line).

    Raises BadFilter with the word, its column and what would be valid. It narrows what it is applied to and
    grants nothing: apply it to `visible_jobs(user)`. Spans of time end `now`. Jobs that serve other jobs (of
    kinds that are inner) are among those it finds only if it names them, by kind, queue, door or id.
    """
    asker = Asker(user, now or timezone.now())
    words = read(text)
    condition, parts, seen = Q(), [], set()
    for word in map(understood, words):
        field = field_of(word)
        if not word.is_negated and field.is_single:
            if field.name in seen:
                raise BadFilter(
                    word.text, word.column,
                    f"a job has one {field.name}, and the filter asks for two; "
                    f"for either of them write `{field.name}:one,other`",
                )  # fmt: skip
            seen.add(field.name)
        condition &= condition_of(word, field, asker)
        parts.append(Part(word, meaning_of(word, field, asker)))
    if not seen & NAMING and (inner := [kind.name for kind in KINDS.inner()]):
        condition &= ~Q(kind__in=inner)
    return Search(written(words), parts, condition)


def understood(word: Word) -> Word:
    """A free word with the field it must be about: an id, a state or a kind, else the text of the error."""
    return word if word.field else replace(word, field=guess(word))


def guess(word: Word) -> str:
    first = word.values[0]
    if first.is_quoted:
        return "error"
    if is_id(first.text):
        return "id"
    if first.text in list(State):
        return "state"
    return "kind" if first.is_pattern or KINDS.get(first.text) else "error"


def field_of(word: Word) -> Field:
    if field := FIELDS.get(word.field):
        return field
    near = get_close_matches(word.field, FIELDS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(FIELDS)}"
    raise BadFilter(
        word.text,
        word.column,
        f"there is no field `{word.field}`; {hint} (To find the text itself, put it in quotes.)",
    )


def condition_of(word: Word, field: Field, asker: Asker) -> Q:
    """Any of its values, or none of them."""
    for value in word.values:
        if value.operator and field.name not in TIMES:
            raise BadFilter(
                word.text,
                value.column,
                f"`{value.operator}` compares times ({', '.join(sorted(TIMES))}), and {field.name} is none",
            )
    found = reduce(or_, (field.finds(word, value, asker) for value in word.values))
    return ~found if word.is_negated else found


def meaning_of(word: Word, field: Field, asker: Asker) -> str:
    told = f"{field.head} " + " or ".join(field.says(word, value, asker) for value in word.values)
    return f"not: {told}" if word.is_negated else told
