"""What is kept of a form that is checked before it is sent: its payload, and what was found in its list.

It is an upload of its author's, so it is nobody else's, and gone when uploads that no job uses are. What a
file says that somebody made themselves is judged again when it is submitted.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pydantic
from django.db import transaction
from django.http import HttpRequest

from jobs.artifacts import check_uses, open_file, opener, store_upload
from jobs.errors import BadPayload, Gone, NotFound
from jobs.models import Artifact
from jobs.owners import must_submit
from jobs.registry import KINDS, Kind
from jobs.review import Line, Review

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MEDIA_TYPE = "application/json"
SHOWN = 200
"""So many bad lines are on the page; the file has them all."""


class Draft(pydantic.BaseModel, extra="forbid"):
    """What is kept: the payload, and what was found in its list."""

    draft_of: str
    payload: dict[str, Any]
    good: int
    bad: int
    lines: list[Line]
    """The first of the bad ones."""


class Opened(NamedTuple):
    """A draft of the person who asks."""

    id: UUID
    draft: Draft
    kind: Kind
    review: Review
    payload: pydantic.BaseModel


def keep_draft(kind: Kind, payload: pydantic.BaseModel, owner: User) -> UUID:
    """Check what a form asks for, and keep it; raises BadPayload for a list that cannot be read."""
    assert kind.review is not None, "the form has no button for it otherwise"
    with transaction.atomic():
        check_uses(payload, owner=owner, kind=kind.name)
        good, bad = 0, 0
        lines: list[Line] = []
        for line in kind.review.lines(payload, opener(payload)):
            good += not line.why
            bad += bool(line.why)
            if line.why and len(lines) < SHOWN:
                lines.append(line)
        kept = Draft(
            draft_of=kind.name, payload=payload.model_dump(mode="json"), good=good, bad=bad, lines=lines
        )
        content = io.BytesIO(kept.model_dump_json().encode())
        return store_upload(content, name=f"{kind.name} draft.json", owner=owner).id


def open_draft(request: HttpRequest, id: UUID) -> Opened:
    """The draft, for its author; raises NotFound, and Gone where a file it needs is."""
    kept = Artifact.objects.filter(pk=id, owner_id=request.user.pk, job=None, media_type=MEDIA_TYPE).first()
    if kept is None:
        raise NotFound("There is no such draft of yours. They are kept for a day: fill in the form again.")
    must_submit(request.user)
    try:
        with open_file(kept.path) as file:
            read = Draft.model_validate_json(file.read())
        kind = KINDS.find(read.draft_of)
        if kind.review is None:
            raise NotFound("There is no such draft of yours.")
        payload = kind.validate(read.payload)
        with transaction.atomic():
            check_uses(payload, owner=request.user, kind=kind.name)  # type: ignore[arg-type]
    except (FileNotFoundError, BadPayload):
        raise Gone("A file of this draft is gone. Fill in the form again.") from None
    except pydantic.ValidationError:
        raise NotFound("There is no such draft of yours.") from None
    return Opened(id, read, kind, kind.review, payload)
