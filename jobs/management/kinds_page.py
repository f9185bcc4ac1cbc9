"""The reference page of kinds: Markdown from their declarations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jobs.artifacts import ArtifactField, files_of
from jobs.pages.schema import Schema, Shape, shapes_of
from jobs.registry import Kind
from jobs.text import span

HEAD = """\
# Kinds

Written by `.venv/bin/python manage.py {command}` from the declarations; do not edit it by hand. The
words used here are in the [glossary](glossary.md); how to declare a kind is in
[Add a kind](../howto/add-a-kind.md).
"""
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
RANGES = (
    ("minimum", "maximum", "{}"),
    ("exclusiveMinimum", "exclusiveMaximum", "strictly {}"),
    ("minLength", "maxLength", "{} characters"),
    ("minItems", "maxItems", "{} of them"),
)


def page(kinds: list[Kind], apps: list[str]) -> str:
    """The whole page."""
    parts = [HEAD.format(command=" ".join(["describe_kinds", *apps]))]
    parts.append("\n".join(f"- [`{kind.name}`](#{anchor(kind)}): {kind.summary}" for kind in kinds) + "\n")
    return "\n".join([*parts, *("\n".join(about(kind)) for kind in kinds)])


def about(kind: Kind) -> Iterator[str]:
    """One kind: what it is, how it is run, what it takes."""
    yield f"## {kind.name}\n"
    yield f"**{kind.title}.** {kind.summary}\n"
    yield f"{' '.join((kind.run.__doc__ or '').split())}\n"
    yield "| | |\n|---|---|"
    yield from (f"| {name} | {cell(value)} |" for name, value in facts(kind))
    yield "\n| Field | What it is | Given | Means |\n|---|---|---|---|"
    files = files_of(kind)
    yield from (row(shape, files.get(shape.key)) for shape in shapes_of(kind.payload))
    yield f"\nExample:\n\n```json\n{json.dumps(kind.example, indent=2, ensure_ascii=False)}\n```\n"


def facts(kind: Kind) -> Iterator[tuple[str, str]]:
    """What a person who runs it wants to know."""
    yield "Declared in", f"`{kind.module.replace('.', '/')}.py`"
    yield (
        "Who may submit",
        f"everybody, at `/p/{kind.name}`" if kind.public else "the roles submitter, operator and admin",
    )
    yield "Queue", f"`{kind.queue}`"
    yield "Soft limit of an attempt", span(kind.timeout)
    if kind.retry.attempts > 1:
        waits = f"{span(kind.retry.first)}, doubled each time up to {span(kind.retry.longest)}"
        yield "Failed attempts", f"at most {kind.retry.attempts}; the wait between them is {waits}"
    else:
        yield "Failed attempts", "1: it is not tried again"
    deaths = "`WORKER_DEATHS`" if kind.worker_deaths is None else str(kind.worker_deaths)
    yield "Lost workers", f"at most {deaths}"
    yield "Most in one claim", str(kind.batch)
    for limit in kind.limits:
        yield "Limit", limit.said
    if kind.items is not None or kind.entries is not None:
        yield "Items", f"kept in the ledger, `{kind.policy}`"


def row(shape: Shape, file: ArtifactField | None) -> str:
    """One field of the payload."""
    told = limits_of(shape.schema)
    what = "; ".join([file_word(file) if file else type_word(shape), *told])
    if shape.is_required:
        given = "always"
    elif shape.default in (None, "", []):
        given = "if wanted"
    else:
        given = f"else `{json.dumps(shape.default, ensure_ascii=False)}`"
    means = f"{shape.label.rstrip('.')}." + (f" {shape.help}" if shape.help else "")
    return f"| `{shape.key}` | {cell(what)} | {cell(given)} | {cell(means)} |"


def type_word(shape: Shape) -> str:
    """What a value is."""
    if shape.choices:
        return one_of(shape.choices)
    if shape.type == "array":
        inner = shape.items
        choices = inner.get("enum", [])
        word = one_of(choices) if choices else TYPES.get(str(inner.get("type")), "value")
        return "; ".join([f"list of {word}", *(f"each {limit}" for limit in limits_of(inner))])
    return TYPES.get(shape.type, "JSON")


def file_word(file: ArtifactField) -> str:
    """What a file may be."""
    words = "list of files" if file.many else "file"
    accepted = f" ({', '.join(file.accept)})" if file.accept else ""
    size = f", {'each ' if file.many else ''}at most {file.max_bytes // 1024**2} MB" if file.max_bytes else ""
    return words + accepted + size


def one_of(choices: list[Any]) -> str:
    return "one of " + ", ".join(f"`{choice}`" for choice in choices)


def limits_of(schema: Schema) -> list[str]:
    """What pydantic will check, in words."""
    told = [
        text.format(between(schema.get(low), schema.get(high)))
        for low, high, text in RANGES
        if low in schema or high in schema
    ]
    return [*told, *([f"matches `{schema['pattern']}`"] if "pattern" in schema else [])]


def between(low: float | None, high: float | None) -> str:
    """A range as one says it."""
    if low is None or high is None:
        return f"at most {high:,}" if low is None else f"at least {low:,}"
    return f"{low:,} to {high:,}"


def cell(text: str) -> str:
    """Text that does not end its cell early."""
    return text.replace("|", "\\|").replace("\n", " ")


def anchor(kind: Kind) -> str:
    """What GitHub makes of the heading."""
    return kind.name.replace(".", "")
