"""A payload as text: as the database keeps it, and as an idempotency key compares it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

import pydantic
from pydantic_core import PydanticSerializationError

from jobs import artifacts
from jobs.database import Database
from jobs.errors import BadPayload, Problem, Where
from jobs.registry import KINDS

MAYBE_NUL = r"\u0000"
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes that character; after an odd number of backslashes it is only text."""
ENDLESS = ("null", "Infinity", "NaN")
"""How pydantic writes a number that JSON cannot say; the first means much else."""
LOOSE = frozenset({"float", "any", "complex", "is-instance", "callable"})
"""What pydantic calls the fields that may hold one."""
CALLS = ("default_factory", "custom_init", "post_init")
"""Where else than in functions of its own it calls code."""
DIGESTS = "SELECT id, sha256 FROM millrace_artifact WHERE id = ANY (%(ids)s)"


def dump(model: pydantic.BaseModel) -> str:
    """The payload as the database keeps it; raises BadPayload for what it cannot keep."""
    try:
        text = model.model_dump_json()
    except PydanticSerializationError as error:
        # What a field of any type let in: half a surrogate pair, or a value that JSON does not have.
        raise refusal(model, f"it cannot be written as JSON: {error}") from None
    if MAYBE_NUL in text and NUL.search(text):
        raise refusal(model, "a text holds a NUL (U+0000), which cannot be kept: remove it")
    may_be_endless = has_endless(type(model)) and any(word in text for word in ENDLESS)
    if may_be_endless and (places := list(endless(json.loads(text), model.model_dump(), ()))):
        raise refusal(model, "is not a finite number, and JSON has no other", *places)
    return text


@lru_cache(maxsize=1000)
def has_endless(model: type[pydantic.BaseModel]) -> bool:
    """Whether a payload of this sort may hold a number without end: in a float, or where anything may be."""
    return any(sort in LOOSE for sort, _ in schema_parts(model))


@lru_cache(maxsize=1000)
def runs_code(model: type[pydantic.BaseModel]) -> bool:
    """Whether validating a payload of this sort calls somebody's code, which may ask the database."""
    return any(
        sort.startswith("function") or any(part.get(name) for name in CALLS)
        for sort, part in schema_parts(model)
    )


def schema_parts(model: type[pydantic.BaseModel]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that pydantic validates such a payload by, each with its sort."""
    left: list[Any] = [model.__pydantic_core_schema__]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if isinstance(sort := part.get("type"), str):  # else a table of fields, one of which is called so
                yield sort, part
            left.extend(part.values())
        elif isinstance(part, list | tuple):
            left.extend(part)


def endless(written: Any, given: Any, where: Where) -> Iterator[Where]:
    """Where Python has a number that is infinite or none, and what was written says null, or is no JSON."""
    if isinstance(given, float):
        if not math.isfinite(given) and (written is None or isinstance(written, float)):
            yield where
    elif isinstance(given, dict) and isinstance(written, dict):
        for name, each in given.items():
            if name in written:
                yield from endless(written[name], each, (*where, str(name)))
    elif isinstance(given, Collection) and isinstance(written, list):
        for place, (one, each) in enumerate(zip(written, given, strict=False)):
            yield from endless(one, each, (*where, place))


def refusal(model: pydantic.BaseModel, why: str, *places: Where) -> BadPayload:
    """The error for a payload, as a whole if it names no place, by the name of its kind."""
    kind = next((k.name for k in KINDS.all() if k.payload is type(model)), type(model).__name__)
    return BadPayload(kind, [Problem(place, why) for place in places or [()]])


def asked(model: pydantic.BaseModel, text: str, db: Database) -> str:
    """The payload with every upload named by its content: the same file sent twice is the same asking."""
    if ids := artifacts.artifact_ids(model):
        for artifact, sha256 in db.rows(DIGESTS, {"ids": ids}):
            text = text.replace(str(artifact), sha256)
    return text
