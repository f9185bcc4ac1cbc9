"""The pictures of a mail that is looked at: written into its HTML, so that the frame has to ask for nothing.

The frame's page has no origin and no cookies: it could not fetch them, and its policy lets it fetch nothing.
HTML can name a picture thousands of times: no more is written into it than a mail could carry.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from uuid import UUID

from jobs.conf import conf
from jobs.pages.files import IMAGES
from jobs.review import OpenFile, Sample

NAMED = re.compile(rb"cid:([0-9a-f]{32})(?![0-9a-f])")


def with_pictures(sample: Sample, open_file: OpenFile) -> bytes:
    """Its HTML with every picture in the place of its id; what is none, or too much, stays as it is."""
    return b"".join(_pieces(sample, open_file))


def _pieces(sample: Sample, open_file: OpenFile) -> Iterator[bytes]:
    pictures = {each.id: each for each in sample.pictures if each.media_type in IMAGES}
    written: dict[UUID, bytes] = {}
    html, place, left = sample.html.encode(), 0, conf().attached_bytes
    for found in NAMED.finditer(html):
        picture = pictures.get(UUID(found[1].decode()))
        if picture is None or picture.size > left:
            continue
        if picture.id not in written:
            with open_file(picture.id) as file:
                written[picture.id] = b64encode(file.read())
        left -= picture.size
        yield html[place : found.start()]
        yield f"data:{picture.media_type};base64,".encode()
        yield written[picture.id]
        place = found.end()
    yield html[place:]
