"""A payload field that names a file, and what the field accepts: forms, commands and schemas read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import pydantic
from pydantic import GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from jobs.errors import Where
from jobs.registry import Kind


@dataclass(frozen=True, kw_only=True)
class ArtifactField:
    """What a file field accepts: `source: Annotated[UUID, ArtifactField(accept=("image/*",))]`.

    `accept` lists media types, with `*` for any; empty accepts everything. `max_bytes` lowers the limit of
    the installation for this field. `help` is a sentence for people. `many` and `is_required` are read from
    the model by `artifact_fields`.
    """

    accept: tuple[str, ...] = ()
    max_bytes: int | None = None
    help: str = ""
    many: bool = False
    is_required: bool = True

    def accepts(self, media_type: str) -> bool:
        """Whether a file of this type may be handed in here."""
        return not self.accept or any(fnmatch(media_type, pattern) for pattern in self.accept)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        described["x-artifact"] = {"accept": list(self.accept), "max_bytes": self.max_bytes}
        return described


ArtifactId = Annotated[UUID, ArtifactField()]
"""The id of a file that its owner handed in, or that an earlier job brought out."""


@cache
def artifact_fields(model: type[pydantic.BaseModel]) -> Mapping[str, ArtifactField]:
    """The model's fields that name files, in its order."""
    found = {name: _read(info) for name, info in model.model_fields.items()}
    return MappingProxyType({name: field for name, field in found.items() if field is not None})


def files_of(kind: Kind) -> Mapping[str, ArtifactField]:
    """The kind's fields that name files."""
    return artifact_fields(kind.payload)


def artifact_ids(payload: pydantic.BaseModel) -> list[UUID]:
    """Every file that a payload names, each once, in its order."""
    return list(dict.fromkeys(artifact for _, artifact in named_files(payload)))


def named_files(payload: pydantic.BaseModel) -> Iterator[tuple[Where, UUID]]:
    """Where in the payload a file is named, and which."""
    for name, field in artifact_fields(type(payload)).items():
        value = getattr(payload, name)
        if field.many:
            yield from (((name, place), artifact) for place, artifact in enumerate(value or ()))
        elif value is not None:
            yield (name,), value


def _read(info: FieldInfo) -> ArtifactField | None:
    many = False
    found = _last(info.metadata)
    for step in _unfold(info.annotation):
        if get_origin(step) is Annotated:
            found = found or _last(get_args(step)[1:])
        many = many or get_origin(step) in {list, tuple, set, frozenset}
    if found is None:
        return None
    return replace(
        found, many=many, is_required=info.is_required(), help=found.help or info.description or ""
    )


def _last(metadata: Any) -> ArtifactField | None:
    return next((mark for mark in reversed(metadata) if isinstance(mark, ArtifactField)), None)


def _unfold(annotation: Any) -> Iterator[Any]:
    """The annotation and everything inside it: `list[ArtifactId] | None` and the like."""
    yield annotation
    for inner in get_args(annotation):
        if not isinstance(inner, ArtifactField):
            yield from _unfold(inner)
