"""What a person sees instead of a type, and what the payload becomes."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Literal

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict
from pydantic import BaseModel, Field

from jobs.artifacts import ArtifactId
from jobs.errors import BadPayload
from jobs.models import Artifact
from jobs.pages.form import form_class, payload_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(BaseModel):
    name: str
    width: int = Field(ge=16)
    fit: Literal["cover", "contain"] = "cover"


def field_of(declare: Any, annotation: Any, default: Any = ..., **words: Any) -> forms.Field:
    model = type(
        "Payload", (BaseModel,), {"__annotations__": {"it": annotation}, "it": Field(default, **words)}
    )
    return form_class(declare(model))().fields["it"]


def sent(declare: Any, annotation: Any, default: Any = ..., files: Any = None, **data: Any) -> Any:
    """The payload's `it` after a form with this data."""
    model = type("Payload", (BaseModel,), {"__annotations__": {"it": annotation}, "it": Field(default)})
    kind = declare(model)
    values = MultiValueDict(
        {name: value if isinstance(value, list) else [value] for name, value in data.items()}
    )
    form = form_class(kind)(values, MultiValueDict(files or {}))
    assert form.is_valid(), form.errors
    return payload_of(form, kind, make_user()).it


def test_title_and_description_are_label_and_help(declare):
    field = field_of(declare, str, title="Your name", description="As you like to be called.")

    assert (field.label, field.help_text, field.required) == ("Your name", "As you like to be called.", True)


def test_a_field_without_words_is_named_after_itself(declare):
    assert field_of(declare, str).label == "It"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, forms.CharField),
        (int, forms.IntegerField),
        (float, forms.FloatField),
        (bool, forms.BooleanField),
        (bool | None, forms.BooleanField),
        (Literal["a", "b"], forms.TypedChoiceField),
        (Colour, forms.TypedChoiceField),
        (Colour | None, forms.TypedChoiceField),
        (datetime, forms.DateTimeField),
        (list[Colour], forms.TypedMultipleChoiceField),
        (dict[str, int], forms.JSONField),
        (int | list[int], forms.JSONField),
        (list[list[int]], forms.JSONField),
    ],
)
def test_each_type_has_its_field(declare, annotation, expected):
    assert isinstance(field_of(declare, annotation), expected)


def test_limits_of_numbers_reach_the_browser(declare):
    assert field_of(declare, int, ge=1, lt=100).widget.attrs == {"min": 1, "max": 99, "step": 1}


def test_long_texts_get_several_lines(declare):
    assert isinstance(field_of(declare, str, max_length=5000).widget, forms.Textarea)
    assert isinstance(field_of(declare, str, max_length=80).widget, forms.TextInput)
    assert isinstance(field_of(declare, str, json_schema_extra={"multiline": True}).widget, forms.Textarea)


@pytest.mark.parametrize(
    ("annotation", "default", "typed", "expected"),
    [
        (int, ..., "7", 7),
        (int, 5, "", 5),
        (int | None, 5, "", None),
        (int | None, None, "", None),
        (str, "Hello", "", ""),
        (str | None, "Hello", "", None),
        (Literal[1, 2], ..., "2", 2),
        (Colour, ..., "blue", Colour.BLUE),
        (Colour | None, None, "", None),
        (timedelta, timedelta(days=7), "P3D", timedelta(days=3)),
        (datetime, ..., "2026-11-22T10:00:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        (dict[str, int], {}, '{"a": 1}', {"a": 1}),
        (list[str], ["x"], "one\n\n two \n", ["one", "two"]),
        (list[str], ["x"], "", []),
        (list[int], [], "1\n2", [1, 2]),
        (list[str] | None, None, "", None),
        (list[Colour], [], ["red", "blue"], [Colour.RED, Colour.BLUE]),
    ],
)
def test_what_was_typed_becomes_the_payload(declare, annotation, default, typed, expected):
    assert sent(declare, annotation, default, it=typed) == expected


def test_a_box_that_is_not_ticked_is_no(declare):
    assert sent(declare, bool, True) is False
    assert sent(declare, bool, False, it="on") is True


def test_rows_make_a_list_and_empty_rows_are_none(declare):
    cells = {
        "it-0-name": "small",
        "it-0-width": "320",
        "it-0-fit": "",
        "it-1-name": "",
        "it-1-width": "",
        "it-1-fit": "",
    }
    more = {"it-2-name": "large", "it-2-width": "2000", "it-2-fit": "contain"}

    sizes = sent(declare, list[Size], [], **cells, **more)

    assert sizes == [Size(name="small", width=320), Size(name="large", width=2000, fit="contain")]


def test_rows_show_what_was_typed(declare):
    kind = declare(type("Payload", (BaseModel,), {"__annotations__": {"it": list[Size]}}))
    form = form_class(kind)({"it-0-name": "odd", "it-0-width": "wide"})

    assert not form.is_valid()
    assert "Row 1, width" in str(form.errors)
    assert 'value="odd"' in str(form["it"]) and 'value="wide"' in str(form["it"])


def test_several_files_become_several_artifacts(declare):
    files = [SimpleUploadedFile(f"{name}.txt", b"words") for name in "ab"]

    ids = sent(declare, list[ArtifactId], [], files={"it": files})

    assert [Artifact.objects.get(id=one).name for one in ids] == ["a.txt", "b.txt"]


def test_no_files_are_an_empty_list(declare):
    assert sent(declare, list[ArtifactId], []) == []


def test_a_problem_deep_in_the_payload_keeps_its_place(declare):
    class Payload(BaseModel):
        it: list[int]

    kind = declare(Payload)
    form = form_class(kind)({"it": "1\nx"})
    assert form.is_valid()

    with pytest.raises(BadPayload) as refused:
        payload_of(form, kind, make_user())

    assert refused.value.problems[0].where == ("it", 1)


def test_a_kind_may_bring_its_own_form(declare):
    class Payload(BaseModel):
        it: int

    class Own(forms.Form):
        it = forms.IntegerField(label="My own")

    assert form_class(declare(Payload, form=Own)) is Own


def test_a_cell_of_a_table_has_lines_where_its_field_says_so(declare):
    class Verse(BaseModel):
        title: str = ""
        text: str = Field(default="", json_schema_extra={"multiline": True})

    class Payload(BaseModel):
        verses: list[Verse] = []

    form = form_class(declare(Payload))({"verses-0-title": "Mill", "verses-0-text": "a\nb"})

    assert 'name="verses-0-text" cols' in form.as_p()
    assert 'type="text" name="verses-0-title"' in form.as_p()
    assert form.is_valid()
    assert form.cleaned_data["verses"] == [{"title": "Mill", "text": "a\nb"}]
