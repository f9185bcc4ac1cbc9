"""The payloads of kinds as OpenAPI components: `POST /jobs` takes one of them, told apart by `kind`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any
from uuid import UUID

from jobs.artifacts import files_of
from jobs.registry import Kind

Schema = dict[str, Any]
SCHEMAS = "#/components/schemas/"
A_FILE = str(UUID(int=0))
"""Stands in an example for the id of an upload."""


def add_kinds(document: Schema, kinds: Sequence[Kind]) -> None:
    """The payloads as components, and the body of `POST /jobs` as one of the jobs they make."""
    schemas = document["components"]["schemas"]
    job = schemas["JobIn"]
    for kind in kinds:
        schemas |= payload_schemas(kind)
        schemas[job_name(kind)] = job_schema(job, kind)
    if not kinds:
        return
    submit = document["paths"][path_of(document, "submit")]["post"]
    body = submit["requestBody"]["content"]["application/json"]
    body["schema"] = {
        "oneOf": [{"$ref": SCHEMAS + job_name(kind)} for kind in kinds],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {kind.name: SCHEMAS + job_name(kind) for kind in kinds},
        },
    }
    body["examples"] = {kind.name: {"summary": kind.title, "value": example_of(kind)} for kind in kinds}


def payload_schemas(kind: Kind) -> Schema:
    """The schema of a payload, and of what it is made of, under the kind's name."""
    schema = kind.payload.model_json_schema(ref_template=f"{SCHEMAS}{kind.name}.{{model}}")
    parts = schema.pop("$defs", {})
    return {payload_name(kind): schema} | {f"{kind.name}.{name}": part for name, part in parts.items()}


def job_schema(job: Schema, kind: Kind) -> Schema:
    """A job of this kind."""
    found = deepcopy(job)
    found["title"] = kind.title
    found["description"] = kind.summary
    found["properties"]["kind"] = {"const": kind.name, "type": "string"}
    found["properties"]["payload"] = {"$ref": SCHEMAS + payload_name(kind)}
    if "required" in kind.payload.model_json_schema():
        found["required"] = ["kind", "payload"]
    return found


def example_of(kind: Kind) -> Schema:
    """A job that works, once its files are uploads."""
    files = files_of(kind)
    payload = {
        name: ([A_FILE] * len(value) if isinstance(value, list) else A_FILE) if name in files else value
        for name, value in kind.example.items()
    }
    return {"kind": kind.name, "payload": payload}


def path_of(document: Schema, operation: str) -> str:
    """The path of an operation."""
    return next(
        str(path)
        for path, methods in document["paths"].items()
        for each in methods.values()
        if each["operationId"] == operation
    )


def payload_name(kind: Kind) -> str:
    return f"{kind.name}.payload"


def job_name(kind: Kind) -> str:
    return f"{kind.name}.job"
