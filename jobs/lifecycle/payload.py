"""A payload as text: as the database keeps it, and as an idempotency key compares it."""

from __future__ import annotations

import re

import pydantic
from pydantic_core import PydanticSerializationError

from jobs import artifacts
from jobs.database import Database
from jobs.errors import BadPayload, Problem
from jobs.registry import KINDS

MAYBE_NUL = r"\u0000"
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes that character; after an odd number of backslashes it is only text."""
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
    return text


def refusal(model: pydantic.BaseModel, why: str) -> BadPayload:
    """The error for a payload as a whole, by the name of its kind."""
    kind = next((k.name for k in KINDS.all() if k.payload is type(model)), type(model).__name__)
    return BadPayload(kind, [Problem((), why)])


def asked(model: pydantic.BaseModel, text: str, db: Database) -> str:
    """The payload with every upload named by its content: the same file sent twice is the same asking."""
    if ids := artifacts.artifact_ids(model):
        for artifact, sha256 in db.rows(DIGESTS, {"ids": ids}):
            text = text.replace(str(artifact), sha256)
    return text
