"""The operations in words, for the page that lists them: read from the same description as programs get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
PLACES = {"path": "in the path", "query": "in the address", "header": "header"}


@dataclass(frozen=True)
class Field:
    """Something an operation takes."""

    name: str
    type: str
    text: str
    is_required: bool
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One operation."""

    method: str
    path: str
    summary: str
    description: str
    scope: str
    statuses: str
    fields: list[Field]
    kinds: list[str]


@dataclass(frozen=True)
class Room:
    """The operations about one thing."""

    name: str
    operations: list[Told] = field(default_factory=list)


def rooms_of(document: Schema) -> list[Room]:
    """Every operation, in the rooms that their tags name."""
    rooms: dict[str, Room] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = operation["tags"][0]
            rooms.setdefault(name, Room(name)).operations.append(told(path, method, operation, document))
    return list(rooms.values())


def told(path: str, method: str, operation: Schema, document: Schema) -> Told:
    """One operation in words."""
    scopes = [scope for each in operation.get("security", []) for needed in each.values() for scope in needed]
    content = operation.get("requestBody", {}).get("content", {})
    body: Schema = next((each["schema"] for each in content.values()), {})
    kinds = list(body.get("discriminator", {}).get("mapping", {}))
    known = document["components"]["schemas"]
    taken = resolve({"$ref": "#/components/schemas/JobIn"} if kinds else body, known)
    return Told(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        scope=", ".join(scopes),
        statuses=", ".join(operation["responses"]),
        fields=[*parameters(operation, known), *body_fields(taken, known)],
        kinds=kinds,
    )


def parameters(operation: Schema, known: Schema) -> Iterator[Field]:
    """What stands in the address and the headers."""
    for each in operation.get("parameters", []):
        yield Field(
            each["name"],
            type_of(each["schema"], known),
            each.get("description", ""),
            each.get("required", False),
            PLACES[each["in"]],
        )


def body_fields(schema: Schema, known: Schema) -> Iterator[Field]:
    """What stands in the body."""
    for name, each in schema.get("properties", {}).items():
        is_required = name in schema.get("required", [])
        yield Field(name, type_of(each, known), each.get("description", ""), is_required)


def type_of(schema: Schema, known: Schema) -> str:
    """A type in a word or a few."""
    schema = resolve(schema, known)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        named = [type_of(each, known) for each in branches]
        return " or ".join(dict.fromkeys(word for word in named if word != "null"))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}), known)}"
    return str(schema.get("format") or schema.get("type") or "any JSON")


def resolve(schema: Schema, known: Schema) -> Schema:
    """The schema that a reference means."""
    while "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    return schema
