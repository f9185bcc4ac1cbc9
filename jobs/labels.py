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
    return {id: line for id, text in found if (line := " ".join(HOLE.sub("…", text or "").split())[:LONGEST])}
