"""The files of a running job."""

from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage

from jobs.artifacts import discard, open_file, publish, store_upload
from jobs.database import DJANGO
from jobs.errors import Rejected
from jobs.models import Artifact
from tests.factories import make_job
from tests.running import make_context

pytestmark = pytest.mark.django_db


def test_a_saved_file_is_seen_once_it_is_published() -> None:
    job = make_job("running")
    files = make_context(job=job).artifacts

    saved = files.save("out.csv", b"a,b\n")
    assert not Artifact.objects.exists()
    publish([saved], DJANGO)

    artifact = Artifact.objects.get()
    assert (artifact.id, artifact.job_id, artifact.owner_id) == (saved.id, job.id, job.owner_id)
    assert (artifact.name, artifact.media_type, artifact.size) == ("out.csv", "text/csv", 4)
    with open_file(artifact.path) as file:
        assert file.read() == b"a,b\n"


def test_every_form_of_content_is_saved(tmp_path: Path) -> None:
    files = make_context().artifacts
    (tmp_path / "x").write_bytes(b"same")

    digests = {files.save("x", content).sha256 for content in (b"same", BytesIO(b"same"), tmp_path / "x")}

    assert len(digests) == 1
    assert len(files.saved) == 3


def test_a_dropped_outcome_leaves_no_file(files: Path) -> None:
    context = make_context()
    context.artifacts.save("a.txt", b"a")

    discard(context.artifacts.saved)

    assert [path for path in files.rglob("*") if path.is_file()] == []


def test_a_kind_reads_its_owners_files_and_no_strangers(alice: User, charlie: User) -> None:
    own = store_upload(BytesIO(b"mine"), name="a.txt", owner=alice)
    strange = store_upload(BytesIO(b"not mine"), name="b.txt", owner=charlie)
    files = make_context(job=make_job("running", owner=alice)).artifacts

    with files.open(own.id) as file:
        assert file.read() == b"mine"
    assert files.about(own.id).name == "a.txt"
    with pytest.raises(Rejected, match="is gone"):
        files.about(strange.id)


def test_a_file_that_is_gone_ends_the_job_with_a_sentence(alice: User) -> None:
    own = store_upload(BytesIO(b"mine"), name="a.txt", owner=alice)
    default_storage.delete(own.path)
    files = make_context(job=make_job("running", owner=alice)).artifacts

    with pytest.raises(Rejected, match=r"'a\.txt' is missing"), files.open(own.id):
        pass
    with pytest.raises(Rejected, match="Hand it in again"):
        files.about(uuid4())
