"""A list of small things as a table to fill in: a row for each, a few empty ones below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from jobs.pages.schema import Shape

EMPTY_ROWS = 2
MOST_ROWS = 100


class RowsWidget(forms.Widget):
    """Cells are named `<field>-<row>-<column>`; a row left empty is no row."""

    template_name = "millrace/fields/rows.html"
    use_fieldset = True
    needs_multipart_form = False

    def __init__(self, cells: Mapping[str, forms.Field], labels: Mapping[str, str]) -> None:
        super().__init__()
        self.cells = dict(cells)
        self.labels = dict(labels)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, Any]]:
        rows = []
        for number in range(MOST_ROWS):
            if not any(f"{name}-{number}-{key}" in data for key in [*self.cells, ""]):
                break
            rows.append(
                {
                    key: cell.widget.value_from_datadict(data, files, f"{name}-{number}-{key}")
                    for key, cell in self.cells.items()
                }
            )
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str, index: str | int | None = None) -> str:
        return f"{id_}-0-{next(iter(self.cells))}"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        rows = [row for row in value or [] if isinstance(row, Mapping) and not is_empty(row)]
        padded = [*rows, *({} for _ in range(EMPTY_ROWS))]
        prefix = (attrs or {}).get("id", f"id_{name}")
        context["widget"]["headings"] = list(self.labels.values())
        context["widget"]["rows"] = [
            [
                cell.widget.render(
                    f"{name}-{number}-{key}",
                    row.get(key),
                    {
                        **cell.widget.attrs,
                        "id": f"{prefix}-{number}-{key}",
                        "aria-label": f"{self.labels[key]}, row {number + 1}",
                    },
                )
                for key, cell in self.cells.items()
            ]
            for number, row in enumerate(padded)
        ]
        return context


class RowsField(forms.Field):
    """A list of flat objects."""

    widget: RowsWidget

    def __init__(
        self, *, columns: Sequence[Shape], cell: Callable[[Shape], forms.Field], **words: Any
    ) -> None:
        self.cells = {
            column.key: as_cell(cell(column), has_lines=column.schema.get("multiline") is True)
            for column in columns
        }
        labels = {column.key: column.label for column in columns}
        super().__init__(widget=RowsWidget(self.cells, labels), **words)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """Every row that says something; a column left empty takes its default."""
        rows = [self.clean_row(number, row) for number, row in enumerate(value or []) if not is_empty(row)]
        if self.required and not rows:
            raise ValidationError(self.error_messages["required"], code="required")
        return rows

    def clean_row(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        cleaned = {}
        for key, cell in self.cells.items():
            try:
                cleaned[key] = cell.clean(row.get(key))
            except ValidationError as error:
                raise ValidationError(
                    [f"Row {number + 1}, {self.widget.labels[key].lower()}: {why}" for why in error.messages]
                ) from None
        return {key: value for key, value in cleaned.items() if value not in (None, "")}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def as_cell(field: forms.Field, *, has_lines: bool = False) -> forms.Field:
    """In a table a choice is a list to open, with nothing chosen at first; pydantic says what is missing.

    A text has one line unless its field says otherwise.
    """
    field.required = False
    if isinstance(field, forms.ChoiceField):
        given: Any = field.choices
        field.widget = forms.Select()
        field.choices = [("", "—"), *(pair for pair in given if pair[0] != "")]
        field.initial = None
    elif isinstance(field.widget, forms.Textarea) and not has_lines:
        field.widget = forms.TextInput()
    field.widget.is_required = False
    return field


def is_empty(row: Mapping[str, Any]) -> bool:
    return all(value in (None, "", False) for value in row.values())
