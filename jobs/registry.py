"""The kinds this installation can do: declared in one file each, found in every installed app.

`@job_kind(…)` declares; `kind(name)` finds. Files named `kinds.py`, and every module of a package `kinds/`,
of any installed app are imported when Django starts.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pydantic
from django.core.exceptions import ImproperlyConfigured

from jobs.errors import BadPayload, Problem, UnknownKind
from jobs.finding import finding_text
from jobs.item_words import ItemWords
from jobs.limit import Limit
from jobs.retry import Retry
from jobs.review import OpenFile, Review

if TYPE_CHECKING:
    from django import forms
    from django.apps import AppConfig

P = TypeVar("P", bound=pydantic.BaseModel)


@dataclass
class Result:
    """What a kind brought out: values, and artifacts (from `context.artifacts.save`)."""

    values: dict[str, Any] = field(default_factory=dict)
    artifacts: list[Any] = field(default_factory=list)


class Declared(NamedTuple):
    """An item of the ledger, and what doing it needs to know (any JSON value)."""

    key: str
    given: Any = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of work, as its file declares it."""

    name: str
    title: str
    payload: type[pydantic.BaseModel]
    run: Callable[[Any, Any], Result | None]
    example: Mapping[str, Any]
    queue: str
    timeout: timedelta
    retry: Retry
    worker_deaths: int | None
    batch: int
    public: bool
    policy: str
    form: type[forms.Form] | None
    thanks: str
    items: Callable[[Any], Iterable[str | Declared]] | None
    entries: Callable[[Any, OpenFile], Iterable[Declared]] | None = None
    review: Review | None = None
    item_words: ItemWords = field(default_factory=ItemWords)
    limits: Sequence[Limit] = ()
    label: str = ""
    is_listed: bool = True
    is_inner: bool = False
    module: str

    @property
    def summary(self) -> str:
        """The first line of its file's docstring: what a person reads in the catalogue."""
        doc = importlib.import_module(self.module).__doc__ or self.title
        return doc.strip().splitlines()[0]

    @property
    def examples(self) -> Path:
        """The folder beside the kind's file that holds the files its example names."""
        return Path(importlib.import_module(self.module).__file__ or "").parent / "examples"

    def validate(self, payload: Mapping[str, Any] | pydantic.BaseModel) -> pydantic.BaseModel:
        """The payload as its model; raises BadPayload with every problem and where it is."""
        if isinstance(payload, self.payload):
            return payload
        try:
            return self.payload.model_validate(payload)
        except pydantic.ValidationError as error:
            raise bad_payload(self.name, error) from None

    def validate_json(self, text: str) -> pydantic.BaseModel:
        """The same from JSON text, as the database keeps it."""
        try:
            return self.payload.model_validate_json(text)
        except pydantic.ValidationError as error:
            raise bad_payload(self.name, error) from None


class Registry:
    """Name → kind; a name is declared once."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._queues: set[str] = set()

    def add(self, kind: Kind) -> None:
        """Declare a kind; a second one of that name is a mistake."""
        known = self._kinds.get(kind.name)
        if known is not None and known.module != kind.module:
            raise ImproperlyConfigured(
                f"Job kind {kind.name!r} is declared twice, in {known.module} and {kind.module}. Rename one."
            )
        self._kinds[kind.name] = kind

    def find(self, name: str) -> Kind:
        """The kind of that name; raises UnknownKind with the nearest name."""
        try:
            return self._kinds[name]
        except KeyError:
            raise self._unknown(name) from None

    def find_listed(self, name: str) -> Kind:
        """The same for what a person or program asks for: kinds that are not listed are unknown to them."""
        kind = self.find(name)
        if not kind.is_listed:
            raise self._unknown(name)
        return kind

    def get(self, name: str) -> Kind | None:
        """The kind of that name, or None."""
        return self._kinds.get(name)

    def item_words(self, name: str, *, is_over: bool = False) -> ItemWords:
        """What people call the items of a job that is over or not, by its kind's name; that may be gone."""
        kind = self.get(name)
        words = kind.item_words if kind else ItemWords()
        return words.once_over() if is_over else words

    def all(self) -> list[Kind]:
        """Every kind, by name."""
        return [self._kinds[name] for name in sorted(self._kinds)]

    def listed(self) -> list[Kind]:
        """Those that a person or program may ask for, by name: what every door offers."""
        return [kind for kind in self.all() if kind.is_listed]

    def inner(self) -> list[Kind]:
        """Those whose jobs serve other jobs, by name: lists leave them out until they are asked for."""
        return [kind for kind in self.all() if kind.is_inner]

    def queues(self) -> list[str]:
        """Every queue a kind here goes to, and those that are served besides, by name."""
        return sorted({kind.queue for kind in self._kinds.values()} | self._queues)

    def serve(self, queue: str) -> None:
        """Let workers listen to a queue that is no kind's own."""
        self._queues.add(queue)

    def _unknown(self, name: str) -> UnknownKind:
        """With the nearest of the listed names, or all of them."""
        hint = hint_for(name, tuple(kind.name for kind in self.listed()))
        return UnknownKind(f"Unknown job kind {name!r}.{hint}")


KINDS = Registry()


@lru_cache(maxsize=1000)
def hint_for(name: str, known: tuple[str, ...]) -> str:
    """Which of these was meant. Remembered: to look for it takes 0.4 ms, and a batch names it many times."""
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known are: {', '.join(known)}."


def job_kind(
    name: str,
    *,
    title: str,
    payload: type[P],
    example: Mapping[str, Any],
    queue: str = "default",
    timeout: timedelta = timedelta(minutes=5),
    retry: Retry | None = None,
    worker_deaths: int | None = None,
    batch: int = 1,
    public: bool = False,
    policy: str = "at_most_once",
    form: type[forms.Form] | None = None,
    thanks: str = "Thank you. We have received it.",
    items: Callable[[P], Iterable[str | Declared]] | None = None,
    entries: Callable[[P, OpenFile], Iterable[Declared]] | None = None,
    review: Review | None = None,
    item_words: ItemWords | None = None,
    limits: Sequence[Limit] = (),
    label: str = "",
    is_listed: bool = True,
    is_inner: bool = False,
) -> Callable[[Callable[[Any, P], Result | None]], Callable[[Any, P], Result | None]]:
    """Declare a function as a kind of work.

    `name` is dotted, lower case, for ever. `example` is a payload that works; a file field names a file in
    `examples/` beside the kind's file. `timeout` is the soft limit of one attempt; it is ended by force the
    grace time later. `batch` above 1 lets one claim take that many, and says that running one twice does no
    harm. `public` kinds need no account. `policy` is what becomes of an effect nobody can decide about:
    `at_most_once` or `at_least_once`. `items` lists the keys of the item ledger when a job is accepted,
    each with what doing it needs to know if that is more (`Declared`); `entries` does so from a file of the
    payload, in a stream, and raises BadPayload if that does not fit: then there is no job. `review` lets a
    person check such a file before it is submitted, and see what one of it would get. `item_words` say what
    people call its items, and how they stand, where the ledger's words are not theirs (done mails are sent).
    `limits` say how much of it may happen at once, or in a time, under one key (jobs/limit.py). `label` is
    the field of the payload by which people tell its jobs apart in a list: a mail's subject. A kind that is
    not listed is asked for by code alone: no door offers it, or accepts it. One that is inner is not listed
    either, and serves other jobs: lists of jobs leave its jobs out unless the filter names them.
    """
    if batch < 1:
        raise ImproperlyConfigured(f"{name}: batch={batch} must be at least 1")
    if policy not in {"at_most_once", "at_least_once"}:
        raise ImproperlyConfigured(f"{name}: policy={policy!r} must be 'at_most_once' or 'at_least_once'")
    if label and label not in payload.model_fields:
        raise ImproperlyConfigured(f"{name}: label={label!r} must be a field of {payload.__name__}")

    def declare(run: Callable[[Any, P], Result | None]) -> Callable[[Any, P], Result | None]:
        KINDS.add(
            Kind(
                name=name, title=title, payload=payload, run=run, example=example, queue=queue,
                timeout=timeout, retry=retry or Retry(), worker_deaths=worker_deaths, batch=batch,
                public=public, policy=policy, form=form, thanks=thanks, items=items, entries=entries,
                review=review, item_words=item_words or ItemWords(), limits=tuple(limits), label=label,
                is_listed=is_listed and not is_inner, is_inner=is_inner,
                module=run.__module__,
            )
        )  # fmt: skip
        return run

    return declare


def discover() -> None:
    """Import the kinds of every installed app."""
    from django.apps import apps

    for app in apps.get_app_configs():
        module = module_of(app, "kinds")
        for entry in pkgutil.iter_modules(getattr(module, "__path__", [])):
            importlib.import_module(f"{app.name}.kinds.{entry.name}")


def module_of(app: AppConfig, name: str) -> ModuleType | None:
    """What an installed app has under that name, if anything; raises what importing it raises."""
    module = f"{app.name}.{name}"
    has_parts = hasattr(app.module, "__path__")  # an app may be a single file
    return importlib.import_module(module) if has_parts and find_spec(module) else None


def bad_payload(kind: str, error: pydantic.ValidationError) -> BadPayload:
    """Pydantic's findings in our words."""
    return BadPayload(
        kind, [Problem(tuple(found["loc"]), finding_text(found)) for found in error.errors(include_url=False)]
    )
