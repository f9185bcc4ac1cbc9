"""Which jobs a command means: their ids, or the words of a filter."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from jobs.models import Job
from jobs.search import search
from jobs.text import is_id

HELP = (
    "ids of jobs, or a filter: state:failed kind:images.* created:>2h -queue:bulk "
    "(docs/reference/filters.md). Put the filter in quotes: the shell has uses of its own for > and *"
)


class Chosen:
    """The jobs that were asked for; by `ids` in the order they were given, or by the `text` of a filter."""

    def __init__(self, words: list[str]) -> None:
        self.ids = [UUID(word) for word in words] if words and all(map(is_id, words)) else []
        self.search = search("" if self.ids else " ".join(words))

    @property
    def jobs(self) -> QuerySet[Job]:
        """All of them."""
        return Job.objects.filter(id__in=self.ids) if self.ids else self.search.apply(Job.objects.all())

    @property
    def text(self) -> str:
        """The filter, as it was understood."""
        return self.search.text


def add_words(parser: CommandParser, *, nargs: str) -> None:
    """The words that choose."""
    parser.add_argument("words", nargs=nargs, metavar="ID|FILTER", help=HELP)


def as_words(argv: list[str]) -> list[str]:
    """Arguments in which `-state:failed` is no option: what holds a space is none to argparse."""
    return [f" {word}" if is_negation(word) else word for word in argv]


def is_negation(word: str) -> bool:
    begin, colon, _ = word.partition(":")
    return bool(colon) and begin.startswith("-") and begin[1:].isalpha()


def described(count: Any) -> str:
    """`1 job`, `3 jobs`."""
    return f"{count} job" if str(count) == "1" else f"{count} jobs"
