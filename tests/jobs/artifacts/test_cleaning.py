"""Files that nobody needs any more."""

import os
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection, transaction

from jobs.artifacts import (
    delete_artifacts,
    expired_artifacts,
    forget,
    orphan_files,
    publish,
    store_upload,
    sweep_files,
)
from jobs.database import DJANGO
from jobs.models import Artifact, ArtifactUse
from tests.factories import make_artifact, make_job
from tests.running import make_context

DAY = timedelta(days=1)


def past(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def upload(owner: User, *, days: int = 1) -> Artifact:
    artifact = store_upload(BytesIO(b"x"), name="x", owner=owner)
    Artifact.objects.filter(pk=artifact.pk).update(expires_at=past(days))
    return artifact


def old_file(path: str, days: int = 3) -> str:
    kept = default_storage.save(path, BytesIO(b"x"))  # type: ignore[arg-type]
    os.utime(default_storage.path(kept), (past(days).timestamp(),) * 2)
    return kept


@pytest.mark.django_db(transaction=True)
def test_an_expired_upload_that_no_job_uses_is_deleted(alice: User) -> None:
    kept = store_upload(BytesIO(b"x"), name="new", owner=alice)
    used, unused = upload(alice), upload(alice)
    ArtifactUse.objects.create(job=make_job(), artifact=used)

    assert expired_artifacts(10) == [unused.id]
    assert delete_artifacts([unused.id, used.id]) == [unused.id]

    assert set(Artifact.objects.all()) == {kept, used}
    assert default_storage.exists(used.path)
    assert not default_storage.exists(unused.path)


@pytest.mark.django_db
def test_expired_uploads_are_paged_through(alice: User) -> None:
    first, second, third = (upload(alice).id for _ in range(3))

    assert expired_artifacts(2) == [first, second]
    assert expired_artifacts(2, after=second) == [third]


@pytest.mark.django_db(transaction=True)
def test_cleanup_leaves_alone_what_a_submit_is_about_to_use(alice: User) -> None:
    """The race: cleanup finds an upload expired while a submit that names it has not committed yet."""
    artifact = upload(alice)
    params = {
        k: v for k, v in connection.get_connection_params().items() if k in {"host", "port", "user", "dbname"}
    }

    with psycopg.connect(**params) as rival:
        rival.execute("SELECT 1 FROM millrace_artifact WHERE id = %s FOR KEY SHARE", [artifact.id])

        assert delete_artifacts([artifact.id]) == []

    assert default_storage.exists(artifact.path)


@pytest.mark.django_db(transaction=True)
def test_a_purged_jobs_results_go_and_its_uploads_stay(alice: User) -> None:
    given = store_upload(BytesIO(b"x"), name="x", owner=alice)
    job = make_job("running", owner=alice)
    ArtifactUse.objects.create(job=job, artifact=given)
    saved = make_context(job=job).artifacts.save("out", b"out")
    publish([saved], DJANGO)

    with transaction.atomic():
        forget([job.id])
        assert default_storage.exists(saved.path), "files go after the commit"

    assert not default_storage.exists(saved.path)
    assert list(Artifact.objects.all()) == [given]
    assert not ArtifactUse.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_result_that_another_job_uses_outlives_its_own_job(alice: User) -> None:
    job, user_of_it = make_job("succeeded"), make_job()
    result = make_artifact(owner=alice, job=job.id)
    ArtifactUse.objects.create(job=user_of_it, artifact=result)

    forget([job.id])
    job.delete()
    assert expired_artifacts(10) == []
    forget([user_of_it.id])

    assert expired_artifacts(10) == [result.id]


@pytest.mark.django_db
def test_old_files_without_a_row_are_swept(alice: User) -> None:
    orphan = old_file(f"results/2020-01-01/{uuid4()}")
    named = old_file(f"results/2020-01-01/{uuid4()}")
    make_artifact(owner=alice, path=named)
    young = default_storage.save(f"uploads/{datetime.now(UTC).date()}/{uuid4()}", BytesIO(b"x"))  # type: ignore[arg-type]

    assert orphan_files(DAY, 10) == [orphan]
    assert sweep_files(DAY, 10) == 1

    assert default_storage.exists(named)
    assert default_storage.exists(young)
    assert not default_storage.exists(orphan)


@pytest.mark.django_db
def test_a_file_a_running_job_may_still_publish_is_never_swept() -> None:
    young = default_storage.save(f"results/{datetime.now(UTC).date()}/{uuid4()}", BytesIO(b"x"))  # type: ignore[arg-type]

    assert orphan_files(timedelta(0), 10) == []
    assert default_storage.exists(young)


@pytest.mark.django_db
def test_a_sweep_takes_no_more_than_it_was_told() -> None:
    for _ in range(3):
        old_file(f"uploads/2020-01-01/{uuid4()}")

    assert sweep_files(DAY, 2) == 2
    assert len(orphan_files(DAY, 10)) == 1


def test_a_storage_that_was_never_used_has_nothing_to_sweep(db: None, files: Path) -> None:
    assert not files.exists()
    assert orphan_files(DAY, 10) == []
