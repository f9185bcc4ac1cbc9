"""A payload from the command line: one option for each field of the kind, files by their path."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.artifacts import ArtifactField, files_of, store_upload
from jobs.errors import BadPayload, BadUpload, Problem
from jobs.pages.schema import Shape, shapes_of
from jobs.registry import Kind
from jobs.text import is_id

PREFIX = "field:"
"""What the parsed options of fields begin with, so that a field may be called anything."""
FREE_TEXT = frozenset({"string", "enum"})


def add_fields(parser: argparse.ArgumentParser, kind: Kind) -> None:
    """An option for each field; one whose name the command itself uses is given by --payload."""
    files = files_of(kind)
    group = parser.add_argument_group(f"the payload of {kind.name}", kind.summary)
    for shape in shapes_of(kind.payload):
        flag = f"--{shape.key.replace('_', '-')}"
        is_list = shape.type == "array"
        settings: dict[str, Any] = {"action": "append"} if is_list else {}
        if shape.type == "boolean":
            settings = {"nargs": "?", "const": "true"}
        word = "PATH" if shape.key in files else word_for(shape)
        try:
            group.add_argument(
                flag,
                dest=PREFIX + shape.key,
                metavar=word,
                help=help_for(shape, files.get(shape.key)),
                **settings,
            )
        except argparse.ArgumentError:
            continue


def word_for(shape: Shape) -> str:
    """What a value looks like."""
    if shape.choices:
        return "{" + ",".join(map(str, shape.choices)) + "}"
    return {
        "array": "VALUE",
        "integer": "NUMBER",
        "boolean": "true|false",
        "other": "JSON",
        "object": "JSON",
    }.get(shape.type, "TEXT" if shape.type == "string" else shape.type.upper())


def help_for(shape: Shape, file: ArtifactField | None) -> str:
    """A field's own words, whether it is needed, what it accepts."""
    words = [(file.help if file else "") or shape.help or shape.label]
    if file is not None:
        words.append(
            "a file" + (f" ({', '.join(file.accept)})" if file.accept else "") + ", or the id of one"
        )
    if shape.type == "array":
        words.append("may be repeated")
    if shape.is_required:
        words.append("required")
    elif shape.default not in (None, "", []):
        words.append(f"default {json.dumps(shape.default, ensure_ascii=False)}")
    return "; ".join(words).replace("%", "%%")


def read_payload(text: str) -> dict[str, Any]:
    """`--payload`: JSON, @file or - for standard input."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except OSError as error:
            raise BadPayload("--payload", [Problem((), f"{text[1:]}: {error.strerror}")]) from None
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise BadPayload("--payload", [Problem((), f"this is not JSON: {error}")]) from None
    if not isinstance(payload, dict):
        raise BadPayload("--payload", [Problem((), 'it must be a JSON object, like {"width": 256}')])
    return payload


def given_fields(kind: Kind, options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given as options, as JSON values."""
    shapes = {shape.key: shape for shape in shapes_of(kind.payload)}
    found = {}
    for key, shape in shapes.items():
        value = options.get(PREFIX + key)
        if isinstance(value, list):
            found[key] = [step for one in value for step in read_elements(one)]
        elif value is not None:
            found[key] = value if shape.type in FREE_TEXT else read_value(value)
    return found


def read_value(text: str) -> Any:
    """JSON where it is JSON; pydantic judges the rest."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_elements(text: str) -> list[Any]:
    """One element of a list, or a whole JSON list."""
    value = read_value(text) if text[:1] in "[{" else text
    return value if isinstance(value, list) else [value]


def place_files(kind: Kind, payload: dict[str, Any], given: list[str]) -> None:
    """`--file name=path` and `--file path` into their fields."""
    fields = files_of(kind)
    for entry in given:
        name, equals, path = entry.partition("=")
        if not equals or (name not in fields and Path(entry).exists()):
            name, path = only_field(kind, fields), entry
        elif name not in fields:
            raise BadPayload(
                kind.name, [Problem((name,), f"it takes no file; fields that do: {names(fields)}")]
            )
        if fields[name].many:
            payload.setdefault(name, []).append(path)
        else:
            payload[name] = path


def only_field(kind: Kind, fields: Mapping[str, ArtifactField]) -> str:
    """The field a file without a name goes to."""
    if len(fields) == 1:
        return next(iter(fields))
    text = f"say for which field, with --file NAME=PATH; fields that take one: {names(fields)}"
    raise BadPayload(kind.name, [Problem((), text)])


def names(fields: Mapping[str, ArtifactField]) -> str:
    return ", ".join(fields) or "none"


def store_files(kind: Kind, payload: dict[str, Any], owner: Any) -> dict[str, Any]:
    """The payload with every path replaced by the id of the stored file; an id stays."""

    def store(name: str, field: ArtifactField, value: Any) -> Any:
        if not isinstance(value, str) or is_stored(value):
            return value
        try:
            with Path(value).open("rb") as content:
                return str(store_upload(content, name=Path(value).name, owner=owner, field=field).id)
        except OSError as error:
            raise BadPayload(kind.name, [Problem((name,), f"{value}: {error.strerror}")]) from None
        except BadUpload as error:
            raise BadPayload(kind.name, [Problem((name,), str(error))]) from None

    return payload | each_file(kind, payload, store)


def asked(kind: Kind, payload: dict[str, Any]) -> str:
    """What was asked as a text, files by their content: an upload gets another id each time."""

    def digest(name: str, field: ArtifactField, value: Any) -> Any:
        if not isinstance(value, str) or is_stored(value):
            return value
        try:
            with Path(value).open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest()
        except OSError:
            return value

    return json.dumps([kind.name, payload | each_file(kind, payload, digest)], sort_keys=True)


def each_file(
    kind: Kind, payload: dict[str, Any], change: Callable[[str, ArtifactField, Any], Any]
) -> dict[str, Any]:
    """The file fields of a payload, each value changed."""
    return {
        name: [change(name, field, one) for one in payload[name]]
        if isinstance(payload[name], list)
        else change(name, field, payload[name])
        for name, field in files_of(kind).items()
        if name in payload
    }


def is_stored(text: str) -> bool:
    """Whether it names a stored file rather than a path."""
    return is_id(text) and not Path(text).exists()
