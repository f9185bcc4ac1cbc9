"""The pictures of a mail that is looked at: written into its HTML, so that the frame has to ask for nothing.

The frame's page has no origin and no cookies: it could not fetch them, and its policy lets it fetch nothing.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from uuid import UUID

from jobs.pages.files import IMAGES
from jobs.review import OpenFile, Sample

NAMED = re.compile(rb"cid:([0-9a-f]{32})(?![0-9a-f])")


def with_pictures(sample: Sample, open_file: OpenFile) -> bytes:
    """Its HTML with every picture in the place of its id; what is no picture of it stays as it is."""
    return b"".join(_pieces(sample, open_file))


def _pieces(sample: Sample, open_file: OpenFile) -> Iterator[bytes]:
    pictures = {each.id: each for each in sample.pictures if each.media_type in IMAGES}
    html, place = sample.html.encode(), 0
    for found in NAMED.finditer(html):
        picture = pictures.get(UUID(found[1].decode()))
        if picture is None:
            continue
        yield html[place : found.start()]
        with open_file(picture.id) as file:
            yield f"data:{picture.media_type};base64,".encode() + b64encode(file.read())
        place = found.end()
    yield html[place:]
