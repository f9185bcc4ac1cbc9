"""What is kept of a form that is checked before it is sent: what was typed, and what was found in its list.

It is an upload of its author's, so it is nobody else's, and gone when uploads that no job uses are. What a
file says that somebody made themselves is judged again when it is submitted, and where to read on in the
list is believed only under our seal.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pydantic
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from jobs.artifacts import check_uses, open_file, opener, store_upload
from jobs.errors import BadPayload, Gone, NotFound, Problem
from jobs.models import Artifact
from jobs.owners import must_submit
from jobs.registry import KINDS, Kind
from jobs.review import Line, Mark, Review, Seen

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MEDIA_TYPE = "application/json"
SHOWN = 200
"""So many bad lines are on the page; the file has them all."""
KNOWN = 10_000
"""So many bad lines are remembered by place. Where there are more, each look judges the list anew."""
MARKS = 10_000
ASKED = 5_000
"""So many lines are asked about at once."""
MOST_BYTES = 6 * 1024 * 1024
"""What a form may say (2 MB) twice, as it was typed and as it is understood, and what its list showed."""
SALT = "millrace.draft"
Typed = dict[str, list[str]]
"""The boxes of a form, as a browser sends them."""


class Variant(NamedTuple):
    """One of several texts: how many get it, and who is the first of them."""

    name: str
    number: int
    place: int


class Draft(pydantic.BaseModel, extra="forbid"):
    """What is kept: the payload and the form it was made by, and what was found in its list."""

    draft_of: str
    payload: dict[str, Any]
    typed: Typed = {}
    good: int
    bad: int
    left_out: int = 0
    """So many of the good ones got nothing, had it been sent when it was checked."""
    lines: list[Line]
    """The first of the bad ones."""
    variants: list[Variant] = []
    is_cut: bool = False
    """Whether so much is bad that the list was not read to its end."""
    places: list[int] = []
    """Where among all lines the bad ones are."""
    marks: list[Mark] = []
    seal: str = ""

    @property
    def reached(self) -> int:
        """How many get something."""
        return self.good - self.left_out

    @property
    def seen(self) -> Seen:
        """Where reading can go on, if it was us who said so, and every bad line is known."""
        is_ours = constant_time_compare(self.seal, seal_of(self))
        is_whole = not self.is_cut and len(self.places) == self.bad
        return Seen(self.marks, frozenset(self.places)) if is_ours and is_whole else Seen()


class Opened(NamedTuple):
    """A draft of the person who asks."""

    id: UUID
    draft: Draft
    kind: Kind
    review: Review
    payload: pydantic.BaseModel


def keep_draft(kind: Kind, payload: pydantic.BaseModel, typed: Typed, owner: User) -> UUID:
    """Check what a form asks for, and keep it; raises BadPayload for a list that cannot be read."""
    assert kind.review is not None, "the form has no button for it otherwise"
    with transaction.atomic():
        check_uses(payload, owner=owner, kind=kind.name)
        found = read_list(
            kind.review.lines(payload, opener(payload)),
            partial(kind.review.left_out, payload, owner.pk),
        )
        kept = Draft(draft_of=kind.name, payload=payload.model_dump(mode="json"), typed=typed, **found)
        kept.seal = seal_of(kept)
        content = kept.model_dump_json().encode()
        if len(content) > MOST_BYTES:
            why = "this form says too much to be checked: give the list as a file, or send it unchecked"
            raise BadPayload(kind.name, [Problem((), why)])
        return store_upload(io.BytesIO(content), name=f"{kind.name} draft.json", owner=owner).id


def read_list(lines: Iterator[Line], left_out: Callable[[Sequence[str]], int]) -> Mapping[str, Any]:
    """What is found in it; who is left out is asked for many at a time, and while all lines are good."""
    good, bad, number, is_cut = 0, 0, 0, False
    shown: list[Line] = []
    places: list[int] = []
    marks: list[Mark] = []
    variants: dict[str, tuple[int, int]] = {}
    asked: list[str] = []
    silent = 0
    for number, line in enumerate(lines, start=1):
        if line.why:
            bad += 1
            is_cut = is_cut or line.is_end
            if len(shown) < SHOWN:
                shown.append(line)
            if len(places) < KNOWN:
                places.append(number)
            continue
        good += 1
        asked.append(line.shown)
        if len(asked) == ASKED:
            silent += 0 if bad else left_out(asked)
            asked.clear()
        count, first = variants.get(line.variant, (0, good))
        variants[line.variant] = (count + 1, first)
        if line.next and len(marks) < MARKS:
            marks.append(Mark(number, good, line.next))
    named = [Variant(name, *found) for name, found in variants.items()]
    silent += left_out(asked) if asked and not bad else 0
    return {
        "good": good, "bad": bad, "left_out": 0 if bad else silent, "lines": shown, "variants": named,
        "is_cut": is_cut, "places": places, "marks": marks,
    }  # fmt: skip


def seal_of(draft: Draft) -> str:
    """What only this installation can write under what it found."""
    said = draft.model_dump_json(include={"draft_of", "payload", "places", "marks"})
    return salted_hmac(SALT, said, algorithm="sha256").hexdigest()


def read_draft(request: HttpRequest, id: UUID) -> Draft:
    """The draft as it was kept, for its author; raises NotFound."""
    kept = Artifact.objects.filter(pk=id, owner_id=request.user.pk, job=None, media_type=MEDIA_TYPE).first()
    # Any file of one's own may be named, and be as large as a list.
    if kept is None or kept.size > MOST_BYTES:
        raise NotFound("There is no such draft of yours. They are kept for a day: fill in the form again.")
    try:
        with open_file(kept.path) as file:
            return Draft.model_validate_json(file.read())
    except (FileNotFoundError, pydantic.ValidationError):
        raise NotFound("There is no such draft of yours.") from None


def open_draft(request: HttpRequest, id: UUID) -> Opened:
    """The draft, for its author; raises NotFound, and Gone where a file it needs is."""
    read = read_draft(request, id)
    must_submit(request.user)
    kind = KINDS.find(read.draft_of)
    if kind.review is None:
        raise NotFound("There is no such draft of yours.")
    try:
        payload = kind.validate(read.payload)
        with transaction.atomic():
            check_uses(payload, owner=request.user, kind=kind.name)  # type: ignore[arg-type]
    except BadPayload:
        raise Gone("A file of this draft is gone. Fill in the form again.") from None
    return Opened(id, read, kind, kind.review, payload)
