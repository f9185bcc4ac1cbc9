"""A field that takes a file, or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.template.defaultfilters import filesizeformat

from jobs.artifacts import ArtifactField
from jobs.conf import conf


class UploadField(forms.FileField):
    """One file; `file` says what is accepted. Size and type are judged when it is stored."""

    widget = forms.FileInput

    def __init__(self, *, file: ArtifactField, **words: Any) -> None:
        self.file = file
        words["help_text"] = words.get("help_text") or limits(file)
        super().__init__(**words)
        if file.accept:
            self.widget.attrs["accept"] = ",".join(file.accept)


class SeveralFiles(forms.FileInput):
    """An input for as many files as a person likes."""

    allow_multiple_selected = True


class UploadsField(UploadField):
    """Several files."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> Any:
        chosen = data if isinstance(data, Sequence) else [data]
        files = [super(UploadsField, self).clean(one, initial) for one in chosen or [None]]
        return [file for file in files if file]


def limits(file: ArtifactField) -> str:
    """What is accepted, in words."""
    largest = filesizeformat(min(file.max_bytes or conf().upload_bytes, conf().upload_bytes))
    types = [in_words(kind) for kind in file.accept]
    return f"{', '.join(types)}, up to {largest}." if types else f"Up to {largest}."


def in_words(media_type: str) -> str:
    """`image/jpeg` as JPEG, `image/*` as any image."""
    family, _, name = media_type.partition("/")
    return f"any {family}" if name == "*" else name.upper()
