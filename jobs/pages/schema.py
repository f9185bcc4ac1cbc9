"""What one field of a payload looks like, read from the JSON Schema that pydantic makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

Schema = Mapping[str, Any]
SCALARS = frozenset({"string", "integer", "number", "boolean"})
MULTILINE = frozenset({"body", "text", "html", "message", "content", "description", "comment", "notes"})
SINGLE = frozenset({"link", "url", "subject", "title", "name", "path", "email"})
LONG = 200
"""A text that may be longer than this gets a box of several lines."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One field: its key, its words for people, whether it may stay empty, and its schema without `null`."""

    key: str
    label: str
    help: str
    is_required: bool
    is_nullable: bool
    default: Any
    schema: Schema
    columns: list[Shape] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The JSON type, or `other` where there are several or none."""
        found = self.schema.get("type", "enum" if self.choices else "other")
        return found if isinstance(found, str) else "other"

    @property
    def choices(self) -> list[Any]:
        """The values allowed, if they are counted out."""
        return choices_of(self.schema)

    @property
    def items(self) -> Schema:
        """The schema of a list's elements."""
        return dict(self.schema.get("items", {}))

    @property
    def is_multiline(self) -> bool:
        """Whether a person will want to write several lines."""
        said = self.schema.get("multiline")
        is_long = (self.schema.get("maxLength") or 0) > LONG and self.key not in SINGLE
        return bool(said if said is not None else self.key in MULTILINE or is_long)


def shapes_of(model: type[BaseModel]) -> list[Shape]:
    """The fields of a payload model, in the order they were declared."""
    schema = model.model_json_schema()
    defs = schema.get("$defs", {})
    required = set(schema.get("required", []))
    return [
        shape_of(name, info, schema["properties"][key], defs, key in required, key)
        for name, info in model.model_fields.items()
        if (key := key_of(name, info)) in schema.get("properties", {})
    ]


def key_of(name: str, info: FieldInfo) -> str:
    """What the payload calls the field."""
    return info.validation_alias if isinstance(info.validation_alias, str) else name


def shape_of(name: str, info: FieldInfo, given: Schema, defs: Schema, is_required: bool, key: str) -> Shape:
    schema, is_nullable = without_null(resolve(given, defs), defs)
    default = None if is_required else info.get_default(call_default_factory=True, validated_data={})
    if "items" in schema:
        schema = {**schema, "items": resolve(schema["items"], defs)}
    return Shape(
        key=key,
        label=info.title or name.replace("_", " ").capitalize(),
        help=info.description or "",
        is_required=is_required,
        is_nullable=is_nullable,
        default=to_jsonable_python(default, fallback=str),
        schema=schema,
        columns=columns_of(schema, defs),
    )


def columns_of(schema: Schema, defs: Schema) -> list[Shape]:
    """The columns of a list of flat objects; none if it is no such list."""
    row = resolve(schema.get("items", {}), defs) if schema.get("type") == "array" else {}
    if row.get("type") != "object" or not row.get("properties"):
        return []
    required = set(row.get("required", []))
    columns = [column(key, given, defs, key in required) for key, given in row["properties"].items()]
    is_flat = all(cell.choices or cell.type in SCALARS for cell in columns)
    return columns if is_flat else []


def column(key: str, given: Schema, defs: Schema, is_required: bool) -> Shape:
    schema, is_nullable = without_null(resolve(given, defs), defs)
    return Shape(
        key=key,
        label=key.replace("_", " ").capitalize(),
        help=schema.get("description", ""),
        is_required=is_required,
        is_nullable=is_nullable,
        default=schema.get("default"),
        schema=schema,
    )


def choices_of(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))


def resolve(schema: Schema, defs: Schema) -> Schema:
    """The schema with a reference at its top followed; what stands beside the reference wins."""
    if "$ref" in schema:
        target = defs.get(schema["$ref"].rpartition("/")[2], {})
        return {**resolve(target, defs), **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def without_null(schema: Schema, defs: Schema) -> tuple[Schema, bool]:
    """`X or null` as X, and whether null was allowed."""
    branches = [resolve(branch, defs) for branch in schema.get("anyOf", [])]
    others = [branch for branch in branches if branch.get("type") != "null"]
    is_nullable = len(others) < len(branches)
    if len(others) != 1:
        return schema, is_nullable
    around = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**others[0], **around}, is_nullable
