"""The preview of a mail shows its pictures, within a frame that can fetch nothing, and names its files."""

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from jobs.conf import Conf
from jobs.pages.pictures import with_pictures
from jobs.review import Sample, Used

pytestmark = pytest.mark.django_db
LIST = b"email;name\nada@example.org;Ada\n"


def picture() -> bytes:
    made = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(made, "PNG")
    return made.getvalue()


def check(page: Client, **fields: object) -> str:
    asked = {
        "file": SimpleUploadedFile("guests.csv", LIST),
        "charset": "auto",
        "subject": "Hello",
        "text": "Hello {{ name }}",
        "html": '<p>{{ name }}</p><img src="cid:logo.png"><img src="cid:0123456789abcdef0123456789abcdef">',
        "test_of": "1",
        "check": "1",
    }
    answer = page.post("/kinds/email.campaign", asked | fields)
    return str(answer.headers.get("Location", "")) or answer.content.decode()


def test_pictures_are_shown_and_files_are_named(page: Client, submitter: User) -> None:
    html = '<p>{{ name }}</p><img src="cid:logo.png">'
    where = check(
        page,
        html=html,
        images=SimpleUploadedFile("logo.png", picture()),
        attachments=SimpleUploadedFile("bill.pdf", b"%PDF-1.7" + b"x" * 2040),
    )

    shown = page.get(where).content.decode()
    frame = page.get(re.search(r'src="([^"]+)"\s+sandbox=""', shown)[1])  # type: ignore[index]

    assert "<li>bill.pdf" in shown and "2.0" in shown
    assert "<li>logo.png" in shown
    assert f'<img src="data:image/png;base64,{b64encode(picture()).decode()}">' in frame.content.decode()
    assert "img-src data: cid:;" in frame["Content-Security-Policy"]
    assert "sandbox" in frame["Content-Security-Policy"]


def test_a_picture_named_without_end_is_read_once_and_written_as_often_as_a_mail_could_carry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobs.pages.pictures.conf", lambda: Conf(attached_bytes=3500))
    logo, dot = Used(uuid4(), "logo.png", "image/png", 1000), Used(uuid4(), "dot.gif", "image/gif", 10)
    files = Files({logo.id: b"l" * 1000, dot.id: b"d" * 10})
    html = f'<img src="cid:{logo.id.hex}">' * 13_000 + f'<img src="cid:{dot.id.hex}">'

    written = with_pictures(Sample(1, "", "", "", html, pictures=[logo, dot]), files).decode()

    assert files.opened == [logo.id, dot.id]
    assert written.count("data:image/png;base64,") == 3
    assert written.count(f'"cid:{logo.id.hex}"') == 13_000 - 3
    assert written.endswith(f'<img src="data:image/gif;base64,{b64encode(b"d" * 10).decode()}">')


class Files:
    """The files of a payload, and which of them were opened."""

    def __init__(self, contents: dict[UUID, bytes]) -> None:
        self.contents = contents
        self.opened: list[UUID] = []

    @contextmanager
    def __call__(self, artifact: UUID, /) -> Iterator[IO[bytes]]:
        self.opened.append(artifact)
        yield BytesIO(self.contents[artifact])

    def about(self, artifact: UUID) -> Used:
        return Used(artifact, "", "", len(self.contents[artifact]))


def test_a_picture_that_is_not_there_is_told_at_the_html(page: Client, submitter: User) -> None:
    answer = check(page)

    assert "Line 1 shows cid:logo.png, and no image has that name" in answer
