"""Files that people hand in."""

import hashlib
from io import BytesIO, RawIOBase
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from pytest_django import Settings

from jobs.artifacts import ArtifactField, open_file, store_upload
from jobs.conf import conf
from jobs.errors import BadUpload
from jobs.models import Artifact

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


class Stream(RawIOBase):
    """What cannot be read twice."""

    def __init__(self, content: bytes) -> None:
        self.rest = BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self.rest.readinto(buffer)


def stored(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_upload_is_measured_and_can_be_read_again(alice: User) -> None:
    artifact = store_upload(BytesIO(PNG), name="holiday.png", owner=alice)

    assert (artifact.size, artifact.media_type) == (len(PNG), "image/png")
    assert artifact.sha256 == hashlib.sha256(PNG).hexdigest()
    assert Artifact.objects.get() == artifact
    with open_file(artifact.path) as file:
        assert file.read() == PNG


def test_every_form_of_upload_is_taken(alice: User) -> None:
    on_disk = TemporaryUploadedFile("a.txt", "text/plain", 3, "utf-8")
    on_disk.write(b"abc")
    on_disk.seek(0)

    for content in (on_disk, SimpleUploadedFile("a.txt", b"abc"), Stream(b"abc"), BytesIO(b"abc")):
        artifact = store_upload(content, name="a.txt", owner=alice)  # type: ignore[arg-type]
        with open_file(artifact.path) as file:
            assert file.read() == b"abc"


@pytest.mark.parametrize("content", [BytesIO(b"x" * 11), Stream(b"x" * 11)])
def test_a_file_that_is_too_large_is_refused_and_not_kept(alice: User, files: Path, content: BytesIO) -> None:
    with pytest.raises(BadUpload, match=r"'big\.txt' is larger than 10 bytes"):
        store_upload(content, name="big.txt", owner=alice, field=ArtifactField(max_bytes=10))

    assert stored(files) == []
    assert not Artifact.objects.exists()


def test_no_more_is_read_than_may_be_kept(alice: User) -> None:
    """What is sent without an end must not fill the disk."""
    endless = Stream(b"x" * 5_000_000)

    with pytest.raises(BadUpload):
        store_upload(endless, name="big.txt", owner=alice, field=ArtifactField(max_bytes=10))  # type: ignore[arg-type]

    assert endless.rest.tell() < 1_000_000


def test_no_field_may_exceed_the_limit_of_the_installation(alice: User, settings: Settings) -> None:
    settings.MILLRACE = {"upload_bytes": 3}
    conf.cache_clear()
    try:
        with pytest.raises(BadUpload, match="larger than 3 bytes"):
            store_upload(BytesIO(b"four"), name="a", owner=alice, field=ArtifactField(max_bytes=100))
    finally:
        conf.cache_clear()


def test_an_empty_file_is_refused(alice: User) -> None:
    with pytest.raises(BadUpload, match=r"'a\.txt' is empty"):
        store_upload(BytesIO(b""), name="a.txt", owner=alice)


def test_the_content_decides_about_the_type_not_the_name(alice: User) -> None:
    field = ArtifactField(accept=("image/jpeg", "image/png"))

    with pytest.raises(BadUpload, match=r"'photo.jpg' is text/plain, by its content. Accepted: image/jpeg"):
        store_upload(BytesIO(b"<script>"), name="photo.jpg", owner=alice, field=field)
    assert store_upload(BytesIO(PNG), name="photo.jpg", owner=alice, field=field).media_type == "image/png"


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"a,b\n1,2\n", "table.csv", "text/csv"),
        (
            b"PK\x03\x04",
            "letter.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (b"PK\x03\x04", "letter.png", "application/zip"),
        (b"\x00\x01\x02", "notes.txt", "application/octet-stream"),
        ("grün".encode(), "notes", "text/plain"),
        (b"%PDF-1.7", "x", "application/pdf"),
        (b"\x00\x00\x00\x1cftypavif", "x", "image/avif"),
    ],
)
def test_types_are_told_apart(alice: User, content: bytes, name: str, expected: str) -> None:
    assert store_upload(BytesIO(content), name=name, owner=alice).media_type == expected


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("a\r\nb\x00.txt", "ab.txt"),
        ("", "file"),
        ("..", "file"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 300 + ".jpeg", "x" * 145 + ".jpeg"),
    ],
)
def test_a_name_is_never_a_path_and_never_surprises(alice: User, given: str, kept: str) -> None:
    artifact = store_upload(BytesIO(b"x"), name=given, owner=alice)

    assert artifact.name == kept
    assert artifact.path.startswith("uploads/")
    assert str(artifact.id) in artifact.path
