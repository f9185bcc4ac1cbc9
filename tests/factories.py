"""Rows for tests: each factory takes only what the test is about.

Alice owns, Bob is in her group, Charlie is a stranger, Olga operates.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, Permission, User
from uuid_utils.compat import uuid7

from jobs.models import Artifact, Job
from jobs.states import FINAL, State

GROUP = "friends"
MEMBERS = ("alice", "bob")
CODES = {State.SUCCEEDED: "ok", State.FAILED: "error", State.CANCELLED: "cancelled_by"}


def make_group(name: str = GROUP) -> Group:
    return Group.objects.get_or_create(name=name)[0]


def make_user(name: str = "alice", **fields: Any) -> User:
    """The person of that name; Alice and Bob share a group."""
    user, is_new = User.objects.get_or_create(
        username=name, defaults={"email": f"{name}@example.org"} | fields
    )
    if is_new and name in MEMBERS:
        user.groups.add(make_group())
    return user


def give(user: User, *rights: str) -> User:
    """The same person with these rights of ours."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return User.objects.get(pk=user.pk)


def make_job(
    state: str = "queued", *, kind: str = "test.ok", owner: User | None = None, **fields: Any
) -> Job:
    """A job in that state, with the times, lease and code such a job has."""
    job = Job(
        id=fields.pop("id", None) or uuid7(),
        kind=kind,
        owner=owner or make_user(),
        state=state,
        **moved_to(State(state)) | {"queue": "default", "payload": {}} | fields,
    )
    job.save(force_insert=True)
    job.refresh_from_db()
    return job


def moved_to(state: State) -> dict[str, Any]:
    """The columns that a job in this state has set."""
    now = datetime.now(UTC)
    columns: dict[str, Any] = {"ready": state == State.QUEUED}
    if state in {State.SCHEDULED, State.RETRYING}:
        columns["run_at"] = now + timedelta(hours=1)
    if state == State.RETRYING:
        columns |= {"attempt": 1, "failures": 1, "started_at": now}
    if state == State.RUNNING:
        columns |= {"attempt": 1, "started_at": now, "holder": uuid4(), "lease": now + timedelta(minutes=1)}
    if state in FINAL:
        columns |= {"attempt": 1, "started_at": now, "finished_at": now, "code": CODES[state]}
    return columns


def make_artifact(*, owner: User | None = None, job: UUID | None = None, **fields: Any) -> Artifact:
    """A row alone; `store_upload` makes one with a file."""
    artifact_id = uuid7()
    columns = {"name": "notes.txt", "media_type": "text/plain", "size": 5, "sha256": "0" * 64}
    columns |= {"path": f"uploads/test/{artifact_id}"} | fields
    return Artifact.objects.create(id=artifact_id, owner=owner or make_user(), job_id=job, **columns)
