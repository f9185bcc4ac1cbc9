"""One field of a payload as a form field: what a person sees instead of a type."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.utils.timezone import get_current_timezone_name

from jobs.artifacts import ArtifactField
from jobs.pages.rows import RowsField
from jobs.pages.schema import SCALARS, Shape, choices_of
from jobs.pages.uploads import UploadField, UploadsField

Maker = Callable[..., forms.Field]
FEW = 4
"""So many choices are shown at once; more go into a list to open."""


class LinesField(forms.CharField):
    """A list of values, one to a line."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class JsonField(forms.JSONField):
    """Anything else, as JSON text."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2)


def field_for(shape: Shape, file: ArtifactField | None = None) -> forms.Field:
    """The form field for a payload's field; `file` is its ArtifactField if it takes files."""
    words: dict[str, Any] = {
        "label": shape.label,
        "help_text": shape.help,
        "required": is_required(shape),
    }
    if file is not None:
        return UploadsField(file=file, **words) if file.many else UploadField(file=file, **words)
    if shape.choices:
        return choice(shape, **words)
    make: Maker = BY_TYPE.get(shape.type, json_box)
    return make(shape, initial=shape.default, **words)


def is_required(shape: Shape) -> bool:
    """A box to tick need not be ticked; an empty list is a list if the schema does not say otherwise."""
    if shape.type == "boolean":
        return False
    if shape.type == "array" and not shape.schema.get("minItems"):
        return False
    return shape.is_required


def choice(shape: Shape, **words: Any) -> forms.Field:
    labels = [(str(value), str(value)) for value in shape.choices]
    values = {str(value): value for value in shape.choices}
    is_short = len(labels) <= FEW and (words["required"] or shape.default is not None)
    empty = [] if is_short else [("", "—")]
    initial = None if shape.default is None else str(shape.default)
    return forms.TypedChoiceField(
        choices=[*empty, *labels],
        coerce=values.__getitem__,
        empty_value=None,
        initial=initial if initial is not None or not is_short else labels[0][0],
        widget=forms.RadioSelect if is_short else forms.Select,
        **words,
    )


def number(shape: Shape, *, make: Maker, step: float, **words: Any) -> forms.Field:
    """An open limit (`gt`) of a whole number is the next number; of a fraction pydantic judges it."""
    limits = shape.schema
    least, most = limits.get("minimum"), limits.get("maximum")
    if step == 1:
        least = limits["exclusiveMinimum"] + 1 if "exclusiveMinimum" in limits else least
        most = limits["exclusiveMaximum"] - 1 if "exclusiveMaximum" in limits else most
    field = make(min_value=least, max_value=most, **words)
    field.widget.attrs["step"] = limits.get("multipleOf", step if step == 1 else "any")
    if least is not None and most is not None:
        field.help_text = field.help_text or f"{least:,} to {most:,}."
    return field


def whole_number(shape: Shape, **words: Any) -> forms.Field:
    return number(shape, make=forms.IntegerField, step=1, **words)


def fraction(shape: Shape, **words: Any) -> forms.Field:
    return number(shape, make=forms.FloatField, step=0, **words)


def yes_or_no(shape: Shape, **words: Any) -> forms.Field:
    if shape.is_nullable and shape.default is None:
        return forms.NullBooleanField(**words)
    return forms.BooleanField(**words)


def text(shape: Shape, **words: Any) -> forms.Field:
    special = BY_FORMAT.get(shape.schema.get("format", ""))
    if special:
        return special(**words)
    return forms.CharField(
        min_length=shape.schema.get("minLength"),
        max_length=shape.schema.get("maxLength"),
        widget=text_widget(shape),
        empty_value=None if shape.is_nullable else "",
        strip=False,
        **words,
    )


def text_widget(shape: Shape) -> forms.Widget:
    """A phone shows the keys that fit, and a browser offers what it knows of the person."""
    if shape.is_multiline:
        return forms.Textarea(attrs={"rows": 6})
    if shape.key == "email" or shape.key.endswith("_email"):
        return forms.EmailInput(attrs={"autocomplete": "email"})
    if shape.key in {"url", "link"}:
        return forms.URLInput()
    return forms.TextInput()


def moment(**words: Any) -> forms.Field:
    zone = f"Time zone: {get_current_timezone_name()}."
    words["help_text"] = f"{words['help_text']} {zone}".strip()
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")
    return forms.DateTimeField(widget=widget, **words)


def day(**words: Any) -> forms.Field:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **words)


def clock(**words: Any) -> forms.Field:
    return forms.TimeField(widget=forms.TimeInput(attrs={"type": "time"}), **words)


def span(**words: Any) -> forms.Field:
    words["help_text"] = f"{words['help_text']} E.g. P7D for seven days, PT30M for thirty minutes.".strip()
    return forms.CharField(empty_value=None, **words)


def address(**words: Any) -> forms.Field:
    return forms.EmailField(empty_value=None, **words)


def link(**words: Any) -> forms.Field:
    return forms.CharField(widget=forms.URLInput, empty_value=None, **words)


def many(shape: Shape, **words: Any) -> forms.Field:
    """A list: boxes to tick, rows of a table, or one value to a line; anything deeper is JSON."""
    if choices := choices_of(shape.items):
        return several(choices, **words)
    if shape.columns:
        return RowsField(columns=shape.columns, cell=field_for, **words)
    if shape.items.get("type") in SCALARS:
        words["help_text"] = words["help_text"] or "One to a line."
        return LinesField(widget=forms.Textarea(attrs={"rows": 4}), **words)
    return json_box(shape, **words)


def several(choices: Sequence[Any], **words: Any) -> forms.Field:
    values = {str(value): value for value in choices}
    return forms.TypedMultipleChoiceField(
        choices=[(name, name) for name in values],
        coerce=values.__getitem__,
        widget=forms.CheckboxSelectMultiple,
        **words,
    )


def json_box(shape: Shape, **words: Any) -> forms.Field:
    words["help_text"] = f"{words['help_text']} As JSON.".strip()
    widget = forms.Textarea(attrs={"rows": 6, "class": "code", "spellcheck": "false"})
    return JsonField(widget=widget, **words)


BY_TYPE: dict[str, Maker] = {
    "integer": whole_number,
    "number": fraction,
    "boolean": yes_or_no,
    "string": text,
    "array": many,
}
BY_FORMAT: dict[str, Maker] = {
    "date-time": moment,
    "date": day,
    "time": clock,
    "duration": span,
    "email": address,
    "uri": link,
}
