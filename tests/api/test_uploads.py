"""Files handed in by program."""

import hashlib
import io

import pytest
from django.core.files.storage import default_storage

from jobs.models import Artifact
from tests.api.conftest import BASE, program

pytestmark = pytest.mark.django_db


def named(content: bytes, name: str = "notes.txt") -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def test_an_upload_is_measured_and_can_be_read_again(api):
    answer = api.post(f"{BASE}/uploads", {"file": named(b"the words")})

    found = answer.json()
    assert answer.status_code == 201
    assert found["sha256"] == hashlib.sha256(b"the words").hexdigest()
    assert (found["size"], found["media_type"], found["name"]) == (9, "text/plain", "notes.txt")
    assert api.get(answer["Location"]).json() == found
    assert b"".join(api.get(found["url"]).streaming_content) == b"the words"


def test_a_file_is_its_owners_alone(api, charlie):
    found = api.post(f"{BASE}/uploads", {"file": named(b"the words")}).json()
    theirs = program(charlie)

    assert theirs.get(f"{BASE}/uploads/{found['id']}").status_code == 404
    assert theirs.get(found["url"]).status_code == 404


def test_the_same_upload_with_the_same_key_is_one_file(api):
    answers = [
        api.post(f"{BASE}/uploads", {"file": named(content)}, headers={"Idempotency-Key": "u"})
        for content in (b"the words", b"the words", b"other words")
    ]

    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[2].json()["code"] == "key_reused"
    assert Artifact.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"file": named(b"")}, 422, "bad_upload"),
        ({"file": "no file"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ({"file": named(b"x" * 2000)}, 413, "too_large"),
    ],
)
def test_what_is_no_good_file_is_refused_and_leaves_nothing(api, settings, sent, status, code):
    from jobs.conf import conf

    settings.MILLRACE = settings.MILLRACE | {"upload_bytes": 1000}
    conf.cache_clear()
    for file in sent.values():
        if not isinstance(file, str):
            file.seek(0)
    try:
        answer = api.post(f"{BASE}/uploads", sent)
    finally:
        conf.cache_clear()

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Artifact.objects.exists()
    assert not default_storage.exists("uploads")


def test_two_files_in_one_form_are_refused_and_neither_is_lost_silently(api):
    answer = api.post(f"{BASE}/uploads", {"file": [named(b"one"), named(b"two")]})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "2 parts" in answer.json()["detail"]
    assert not Artifact.objects.exists()


def test_a_form_that_breaks_off_is_a_bad_request(api):
    answer = api.post(f"{BASE}/uploads", b"--x\r\nContent-Dis", content_type="multipart/form-data; boundary=")

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_json_is_no_upload(api):
    answer = api.post(f"{BASE}/uploads", {"file": "x"}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
