"""cleanup.run: look first, then delete in batches."""

import os
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django_celery_results.models import TaskResult

from jobs.artifacts import store_upload
from jobs.errors import BadPayload, Cancelled
from jobs.models import Artifact, IdempotencyKey, Job, LimitKey, Tombstone
from jobs.registry import KINDS, Kind
from tests.factories import make_job
from tests.running import accept, make_context, run

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = datetime.now(UTC) - timedelta(days=400)
LATER = datetime.now(UTC) + timedelta(days=400)
ONE_OF_EACH = {
    "jobs": 1, "uploads": 1, "files": 1, "sessions": 1, "task_results": 1, "keys": 1, "limits": 1,
    "tombstones": 1,
}  # fmt: skip


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("cleanup.run")


@pytest.fixture
def leftovers(alice: User) -> None:
    """One of each sort to forget, and one of each to keep."""
    make_job("succeeded", finished_at=LONG_AGO)
    make_job("failed")
    old, _ = (store_upload(BytesIO(b"x"), name="x", owner=alice) for _ in range(2))
    Artifact.objects.filter(pk=old.pk).update(expires_at=LONG_AGO)
    orphan = default_storage.save(f"results/2020-01-01/{uuid4()}", BytesIO(b"x"))  # type: ignore[arg-type]
    os.utime(default_storage.path(orphan), (LONG_AGO.timestamp(),) * 2)
    for name, expires in (("old", LONG_AGO), ("new", LATER)):
        Session.objects.create(session_key=name, session_data="", expire_date=expires)
        TaskResult.objects.create(task_id=name)
        IdempotencyKey.objects.create(scope="s", key=name, fingerprint="", expires_at=expires)
        Tombstone.objects.create(id=uuid4(), owner=alice, until=expires)
    LimitKey.objects.create(key="over", holders=[uuid4()], earliest=1.0)
    LimitKey.objects.create(key="rate", earliest=LATER.timestamp())
    TaskResult.objects.filter(task_id="old").update(date_done=LONG_AGO)


def counts() -> dict[str, int]:
    stored = sum(len(files) for _, _, files in os.walk(default_storage.path("")))
    return {
        "jobs": Job.objects.exclude(kind="cleanup.run").count(),
        "uploads": Artifact.objects.count(),
        "files": stored - Artifact.objects.count(),
        "sessions": Session.objects.count(),
        "task_results": TaskResult.objects.count(),
        "keys": IdempotencyKey.objects.count(),
        "limits": LimitKey.objects.count(),
        "tombstones": Tombstone.objects.count(),
    }


def numbers(values: dict[str, Any]) -> dict[str, int]:
    return {name: values[name] for name in ONE_OF_EACH}


def test_a_dry_run_counts_and_deletes_nothing(kind: Kind, leftovers: None) -> None:
    before = counts()

    result = run(kind, accept(kind, {}))

    assert numbers(result.values) == ONE_OF_EACH
    assert (result.values["dry_run"], result.values["total"]) == (True, 8)
    assert "Nothing was deleted" in result.values["note"]
    assert counts() == before


def test_what_is_over_goes_and_the_rest_stays(kind: Kind, leftovers: None) -> None:
    result = run(kind, accept(kind, {"dry_run": False, "batch": 1}))

    assert numbers(result.values) == ONE_OF_EACH
    assert counts() == {
        "jobs": 1, "uploads": 1, "files": 0, "sessions": 1, "task_results": 1, "keys": 1,
        "limits": 1,
        "tombstones": 2,  # one that was to be kept, and the purged job's own
    }  # fmt: skip
    assert Job.objects.filter(state="failed").exists()


def test_a_second_run_finds_nothing_left(kind: Kind, leftovers: None) -> None:
    run(kind, accept(kind, {"dry_run": False}))

    assert run(kind, accept(kind, {"dry_run": False})).values["total"] == 0


def test_it_stops_between_two_batches_when_cancelled(kind: Kind) -> None:
    for n in range(3):
        Session.objects.create(session_key=str(n), session_data="", expire_date=LONG_AGO)
    job = accept(kind, {"dry_run": False, "batch": 1})
    context = make_context(kind, job, is_cancelled=lambda: Session.objects.count() < 3)

    with pytest.raises(Cancelled):
        kind.run(context, kind.validate(job.payload))
    context.close()

    assert Session.objects.count() == 2


def test_its_progress_says_what_it_does(kind: Kind, leftovers: None) -> None:
    job = accept(kind, {"dry_run": False})
    context = make_context(kind, job)

    kind.run(context, kind.validate(job.payload))
    context.close()

    progress = context.take_notes().progress
    assert progress is not None
    assert (progress.fraction, progress.note) == (1.0, "deleted 1 tombstones")


@pytest.mark.parametrize(("field", "value"), [("batch", 0), ("dry_run", "perhaps"), ("force", True)])
def test_nonsense_is_refused(kind: Kind, field: str, value: object) -> None:
    with pytest.raises(BadPayload, match=field):
        kind.validate({field: value})
