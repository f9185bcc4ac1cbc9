"""Labels: what tells one job from another of its kind in a list: a field of the payload (a mail's subject).

Read beside the list, for the jobs of its page alone: payloads may be large, and lists leave them out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, TextField, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left

from jobs.models import Job
from jobs.registry import KINDS
from jobs.text import on_one_line

LONGEST = 120
"""Characters; a list has room for fewer."""
READ = 4 * LONGEST
"""So many are read, since holes are cut out of them."""
HOLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""What a template is filled with in each mail: `Dear {{ name }}` is read as `Dear …`."""


def labels_of(jobs: Sequence[Job]) -> dict[UUID, str]:
    """Of those whose kind names a field for it, and whose payload has it; each on one line."""
    fields = {kind.name: kind.label for kind in KINDS.all() if kind.label}
    wanted = [job.id for job in jobs if job.kind in fields]
    if not wanted:
        return {}
    cases = [When(kind=kind, then=KeyTextTransform(field, "payload")) for kind, field in fields.items()]
    label = Left(Case(*cases, output_field=TextField()), READ)
    found = Job.objects.filter(pk__in=wanted).values_list("id", label)
    return {id: line for id, text in found if (line := tidy(text or ""))}


def label_of(job: Job) -> str:
    """The same of one whose payload is there; empty if it has none."""
    kind = KINDS.get(job.kind)
    value = job.payload.get(kind.label) if kind and kind.label and isinstance(job.payload, dict) else None
    return tidy(str(value)) if isinstance(value, str | int | float) else ""


def tidy(text: str) -> str:
    """As a line shows it."""
    return on_one_line(HOLE.sub("…", text))[:LONGEST]
