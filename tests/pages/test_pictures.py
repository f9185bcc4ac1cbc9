"""The preview of a mail shows its pictures, within a frame that can fetch nothing, and names its files."""

import re
from base64 import b64encode
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

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


def test_a_picture_that_is_not_there_is_told_at_the_html(page: Client, submitter: User) -> None:
    answer = check(page)

    assert "Line 1 shows cid:logo.png, and no image has that name" in answer
