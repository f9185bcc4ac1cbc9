"""The form of a kind, made from its payload model, and the payload made from the form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.serializers.json import DjangoJSONEncoder
from uuid_utils.compat import uuid7

from jobs.artifacts import files_of, store_upload
from jobs.errors import BadPayload, BadUpload, Problem
from jobs.pages.fields import field_for
from jobs.pages.schema import Shape, shapes_of
from jobs.registry import Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def form_class(kind: Kind) -> type[forms.Form]:
    """The kind's own form, or one made from its payload."""
    return kind.form or generated_form(kind)


def generated_form(kind: Kind) -> type[forms.Form]:
    files = files_of(kind)
    shapes = shapes_of(kind.payload)
    fields = {shape.key: field_for(shape, files.get(shape.key)) for shape in shapes}
    form = type("KindForm", (forms.Form,), fields)
    form.rare = frozenset(shape.key for shape in shapes if shape.schema.get("rare"))  # type: ignore[attr-defined]
    return form


def payload_of(form: forms.Form, kind: Kind, owner: User) -> Any:
    """The payload that a valid form asks for; its uploads are stored in the caller's transaction.

    Raises BadPayload, with the place of all that does not fit. What was left empty takes the model's default.
    """
    problems: list[Problem] = []
    given = given_by(form, kind)
    for key, value in given.items():
        try:
            given[key] = stored(kind, key, value, owner)
        except BadPayload as error:
            problems += error.problems
            given[key] = unstored(value)
    try:
        payload = kind.validate_json(json.dumps(given, cls=DjangoJSONEncoder))
    except BadPayload as error:
        problems += error.problems
    if problems:
        raise BadPayload(kind.name, problems)
    return payload


def given_by(form: forms.Form, kind: Kind) -> dict[str, Any]:
    """What the boxes that are filled in well say."""
    shapes = {shape.key: shape for shape in shapes_of(kind.payload)}
    return {key: value for key, value in form.cleaned_data.items() if not is_left_out(shapes.get(key), value)}


def problems_beside(form: forms.Form, kind: Kind) -> list[Problem]:
    """What the payload's model says about the boxes that are filled in well, where others are not.

    So that one round shows everything. What is about no single box is left for when all of them are well.
    """
    given = {key: unstored(value) for key, value in given_by(form, kind).items()}
    try:
        kind.validate_json(json.dumps(given, cls=DjangoJSONEncoder))
    except BadPayload as error:
        return [
            problem
            for problem in error.problems
            if problem.where and problem.where[0] in form.fields and problem.where[0] not in form.errors
        ]
    return []


def unstored(value: Any) -> Any:
    """An uploaded file as the id that an artifact would have; nothing is kept of it."""
    if isinstance(value, list):
        return [unstored(one) for one in value]
    return str(uuid7()) if isinstance(value, UploadedFile) else value


def is_left_out(shape: Shape | None, value: Any) -> bool:
    """No answer, so that the model's default counts; not where emptying the box means `null`."""
    if shape is None:
        return value is None
    has_null_default = shape.is_nullable and shape.default is None
    if value is None:
        return has_null_default or not shape.is_nullable
    return has_null_default and value in ("", [])


def stored(kind: Kind, key: str, value: Any, owner: User) -> Any:
    """An uploaded file as the id of an artifact; anything else as it is."""
    if isinstance(value, UploadedFile):
        try:
            return str(
                store_upload(value, name=value.name or key, owner=owner, field=files_of(kind).get(key)).id
            )
        except BadUpload as error:
            raise BadPayload(kind.name, [Problem((key,), str(error))]) from None
    if isinstance(value, list):
        return [stored(kind, key, one, owner) for one in value]
    return value


def show_problems(form: forms.Form, problems: list[Problem]) -> None:
    """Each at the field it is about; what is about no field, above the form."""
    for problem in problems:
        key, *rest = problem.where or ("",)
        where = str(key) if str(key) in form.fields else None
        form.add_error(where, in_words(problem.why, rest if where else problem.where))


def in_words(why: str, path: Any) -> str:
    """Pydantic's words begin like a label (`Input should be …`); the path counts from one, as people do."""
    steps = [f"no. {step + 1}" if isinstance(step, int) else str(step) for step in path]
    text = why.replace("Input should", "This should")
    text = text[:1].upper() + text[1:]
    return f"{', '.join(steps).capitalize()}: {text}" if steps else text
