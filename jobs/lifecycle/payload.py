"""A payload as text: as the database keeps it, and as an idempotency key compares it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
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
NULL = "null"
"""How a number that JSON cannot say is written, and much else."""
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
    if NULL in text and (places := list(endless(model.model_dump(), ()))):
        raise refusal(model, "is not a finite number, and JSON has no other", *places)
    return text


def endless(found: Any, where: Where) -> Iterator[Where]:
    """Where a number is infinite or none at all: Python reads such words, and JSON would say `null`."""
    if isinstance(found, float) and not math.isfinite(found):
        yield where
    elif isinstance(found, dict):
        for name, each in found.items():
            yield from endless(each, (*where, str(name)))
    elif isinstance(found, list | tuple | set | frozenset):
        for place, each in enumerate(found):
            yield from endless(each, (*where, place))


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
