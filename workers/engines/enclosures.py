"""Files that go with a mail: attached to it, or pictures shown in its HTML, where `cid:` names them.

    <img src="cid:logo.png" alt="The mill">

A picture that is not there, and one that is shown nowhere, are refused before anything is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Protocol
from urllib.parse import quote
from uuid import UUID

from jobs.artifacts import ArtifactField
from jobs.artifacts.uploads import in_words
from jobs.conf import conf
from jobs.errors import Problem
from jobs.review import Used
from workers.engines.wording.places import CID, shown

if TYPE_CHECKING:
    from jobs.artifacts import Artifacts
    from workers.engines.mail.mime import Attachment

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What mail programs show. SVG is not among it: few do, and it can hold scripts."""
Where = tuple[str | int, ...]
AttachedFile = Annotated[UUID, ArtifactField()]
ShownFile = Annotated[UUID, ArtifactField(accept=PICTURES, max_bytes=5 * 1024 * 1024)]


class Enclosing(Protocol):
    """A payload whose mail has files."""

    @property
    def attachments(self) -> Sequence[UUID]: ...
    @property
    def images(self) -> Sequence[UUID]: ...
    @property
    def sources(self) -> Mapping[Where, str]:
        """Every HTML of it, by its place in the payload."""


def enclosure_problems(payload: Enclosing, files: Mapping[UUID, Used]) -> Iterator[Problem]:
    """What does not fit each other; raises BadWording for a picture that is not named."""
    yield from _too_large(payload, files)
    places: dict[str, int] = {}
    for number, image in enumerate(payload.images):
        name = files[image].name
        if name in places:
            why = f"{name!r} is the name of no. {places[name] + 1} too; rename one, so that each can be shown"
            yield Problem(("images", number), why)
        places.setdefault(name, number)
    named = set()
    for where, source in payload.sources.items():
        for each in shown(source, field="html"):
            named.add(each.name)
            if each.name not in places:
                there = f"there are: {', '.join(sorted(places))}" if places else "hand it in with the images"
                why = f"line {each.line} shows cid:{each.name}, and no image has that name; {there}"
                yield Problem(where, why)
    for name, number in places.items():
        if name not in named:
            tag = f'<img src="{CID}{quote(name)}">'
            why = f"{name!r} is shown nowhere; write {tag} into the HTML, or attach it as a file"
            yield Problem(("images", number), why)


def show(html: str, ids: Mapping[str, str]) -> tuple[str, list[str]]:
    """The HTML with each picture called by its id in place of its name; and the names, each once.

    A name without an id stays as it is: what was accepted before mail had pictures may have some.
    """
    found = [each for each in shown(html, field="html") if each.name in ids]
    pieces, place = [], 0
    for each in found:
        pieces += [html[place : each.start], CID, ids[each.name]]
        place = each.end
    return "".join([*pieces, html[place:]]), list(dict.fromkeys(each.name for each in found))


class Enclosures:
    """The files of a job's mails, read once."""

    def __init__(self, payload: Enclosing, artifacts: Artifacts, domain: str) -> None:
        self._files = [_read(artifacts, each) for each in payload.attachments]
        pictures = [
            _read(artifacts, each, f"{number}.{each.hex}@{domain}")
            for number, each in enumerate(payload.images, start=1)
        ]
        self._pictures = {picture.name: picture for picture in pictures}

    def of(self, html: str) -> tuple[str, list[Attachment]]:
        """The HTML as it is sent, and what goes with it: the pictures that it shows, and the files."""
        html, names = show(html, {name: picture.cid for name, picture in self._pictures.items()})
        return html, [*(self._pictures[name] for name in names), *self._files]


def _too_large(payload: Enclosing, files: Mapping[UUID, Used]) -> Iterator[Problem]:
    most, size = conf().attached_bytes, 0
    for field in ("attachments", "images"):
        for number, each in enumerate(getattr(payload, field)):
            size += files[each].size
            if size > most:
                why = f"with {files[each].name!r} the files have {in_words(size)} together; a mail carries"
                yield Problem((field, number), f"{why} {in_words(most)}")
                return


def _read(artifacts: Artifacts, file: UUID, cid: str = "") -> Attachment:
    from workers.engines.mail.mime import Attachment

    about = artifacts.about(file)
    with artifacts.open(file) as content:
        return Attachment(about.name, content.read(), about.media_type, cid)
