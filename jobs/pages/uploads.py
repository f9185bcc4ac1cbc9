"""A field that takes a file, or several, and remembers those that a form was checked with before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from jobs.artifacts import ArtifactField, store_upload
from jobs.conf import conf
from jobs.errors import BadUpload
from jobs.models import Artifact
from jobs.text import is_id

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEPT, DROPPED = "kept", "dropped"
"""What is added to a field's name: the ids of files that are there already, and of those to do without."""


class KeptFiles(forms.FileInput):
    """An input for a file, beside those that were handed in before: they are named by their ids.

    Only where `owner` says whose they may be: nobody names a file who has no account.
    """

    template_name = "millrace/fields/files.html"
    owner: int | None = None
    kept: Sequence[Artifact] = ()
    added: Sequence[Artifact] = ()
    """Those that came with a form that was refused, and need not be chosen again."""
    is_lost = False
    """Whether a file came with a refused form and has to be chosen again."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        chosen = super().value_from_datadict(data, files, name)
        return chosen or next(iter(self.kept_ids(data, name)), None)

    def kept_ids(self, data: Any, name: str) -> list[str]:
        """The files that the form still has; those that are there no more are found out on submit."""
        if self.owner is None:
            return []
        dropped = set(listed(data, f"{name}-{DROPPED}"))
        ids = [id for id in dict.fromkeys(listed(data, f"{name}-{KEPT}")) if id not in dropped]
        found = Artifact.objects.filter(pk__in=filter(is_id, ids), owner_id=self.owner)
        by_id = {str(artifact.id): artifact for artifact in found}
        self.kept = [by_id[id] for id in ids if id in by_id]
        return ids

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return super().value_omitted_from_data(data, files, name) and f"{name}-{KEPT}" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        return context | {
            "kept": [*self.kept, *self.added],
            "is_lost": self.is_lost,
            "kept_name": f"{name}-{KEPT}",
            "dropped_name": f"{name}-{DROPPED}",
            "may_drop": self.allow_multiple_selected or not self.is_required,
        }


class SeveralFiles(KeptFiles):
    """An input for as many files as a person likes."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        chosen = super(KeptFiles, self).value_from_datadict(data, files, name)
        return [*self.kept_ids(data, name), *(chosen or [])]


class UploadField(forms.FileField):
    """One file; `file` says what is accepted. Size and type are judged when it is stored."""

    widget = KeptFiles

    def __init__(self, *, file: ArtifactField, **words: Any) -> None:
        self.file = file
        words["help_text"] = words.get("help_text") or limits(file)
        super().__init__(**words)
        self.widget.attrs["data-most"] = most_bytes(file)
        if file.accept:
            self.widget.attrs["accept"] = ",".join(file.accept)

    def clean(self, data: Any, initial: Any = None) -> Any:
        """A file, or the id of one that is there already: whether it is theirs is judged on submit."""
        return data if isinstance(data, str) else super().clean(data, initial)


class UploadsField(UploadField):
    """Several files."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> Any:
        chosen = data if isinstance(data, Sequence) else [data]
        files = [super(UploadsField, self).clean(one, initial) for one in chosen or [None]]
        return [file for file in files if file]


def keep_files(form: forms.Form, owner: int | None) -> None:
    """Let the form's fields name files of this owner that are there already."""
    for field in form.fields.values():
        if isinstance(field.widget, KeptFiles):
            field.widget.owner = owner


def keep_chosen(form: forms.Form, owner: User | None) -> bool:
    """Keep the files that came with a form that was refused, so that it is not sent without them.

    False if one has to be chosen again: who has no account leaves nothing behind. What cannot be accepted is
    said at its field.
    """
    is_kept = True
    for name in form.files:
        field = form.fields.get(name)
        if field is None:
            continue
        if owner is None or not isinstance(field, UploadField):
            field.widget.is_lost = True
            is_kept = False
            continue
        added = []
        for file in chosen_by(form, name, field):
            try:
                with transaction.atomic():
                    added.append(store_upload(file, name=file.name or name, owner=owner, field=field.file))
            except BadUpload as error:
                if str(error) not in form.errors.get(name, []):
                    form.add_error(name, str(error))
        field.widget.added = added
    return is_kept


def chosen_by(form: forms.Form, name: str, field: UploadField) -> list[UploadedFile[Any]]:
    """The files that a browser sent for that field."""
    files: list[Any] = form.files.getlist(name)
    return files if field.widget.allow_multiple_selected else files[-1:]


def named_by(form: forms.Form, payload: Any) -> dict[str, list[str]]:
    """The boxes by which a form names again the files that its payload names."""
    named = {}
    for name, field in form.fields.items():
        if isinstance(field.widget, KeptFiles):
            value = getattr(payload, name, None)
            ids = value if isinstance(value, list | tuple) else [value]
            named[form.add_prefix(f"{name}-{KEPT}")] = [str(id) for id in ids if id]
    return named


def listed(data: Any, name: str) -> list[str]:
    """Every value of that name, whether a browser sent it or a test."""
    if hasattr(data, "getlist"):
        return [str(value) for value in data.getlist(name)]
    value = data.get(name, [])
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def most_bytes(file: ArtifactField) -> int:
    """How large a file may be here."""
    return min(file.max_bytes or conf().upload_bytes, conf().upload_bytes)


def limits(file: ArtifactField) -> str:
    """What is accepted, in words."""
    largest = filesizeformat(most_bytes(file))
    types = [in_words(kind) for kind in file.accept]
    return f"{', '.join(types)}, up to {largest}." if types else f"Up to {largest}."


def in_words(media_type: str) -> str:
    """`image/jpeg` as JPEG, `image/*` as any image."""
    family, _, name = media_type.partition("/")
    return f"any {family}" if name == "*" else name.upper()
