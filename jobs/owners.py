"""Whose a job is, and who may see it and act on it.

The owner is a user; the members of the job's group see it too; operators see everything. What a person may
not see looks as if it were not there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs.errors import Gone, NotAllowed, NotFound
from jobs.limit import per_owner
from jobs.models import Job, Tombstone
from jobs.registry import KINDS

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SUBMITTER = "submitter"
OPERATOR = "operator"
ADMIN = "admin"
ROLES = (SUBMITTER, OPERATOR, ADMIN)
"""Groups that say what a person may do; made by a migration. Every other group is a team that shares jobs."""

SERVICE = "millrace."
"""What the names of service users begin with."""


def can_submit(user: User | AnonymousUser) -> bool:
    """Whether this person may submit jobs of any kind."""
    return user.has_perm("millrace_jobs.submit_job")


def must_submit(user: User | AnonymousUser) -> None:
    """Raises NotAllowed for accounts that may only look."""
    if not can_submit(user):
        raise NotAllowed("Your account may look, but not submit jobs. Ask an admin for the role “submitter”.")


def can_operate(user: User | AnonymousUser) -> bool:
    """Whether this person may see and act on everybody's jobs, and pause queues."""
    return user.has_perm("millrace_jobs.operate_job")


def can_act(user: User | AnonymousUser, job: Job) -> bool:
    """Whether this person may cancel or retry the job: its owner and operators. A group only sees."""
    return job.owner_id == user.pk or can_operate(user)


def visible_jobs(user: User | AnonymousUser) -> QuerySet[Job]:
    """The jobs this person may see: their own, their groups', all for operators."""
    if can_operate(user):
        return Job.objects.all()
    if not user.is_authenticated:
        return Job.objects.none()
    # The ids in a list, not a subquery: only so can both branches of the OR use their index.
    groups = list(user.groups.values_list("id", flat=True))
    return Job.objects.filter(Q(owner_id=user.pk) | Q(group_id__in=groups))


def find_job(user: User | AnonymousUser, id: UUID) -> Job:
    """The job, if this person may see it; raises Gone for a purged one of theirs, else NotFound."""
    job = visible_jobs(user).select_related("owner", "group").filter(id=id).first()
    if job is not None:
        return job
    stone = Tombstone.objects.filter(id=id, until__gt=Now()).first()
    if stone is not None and (stone.owner_id == user.pk or can_operate(user)):
        raise Gone(f"Job {id} was purged: its time was over. Submit a new one.")
    raise NotFound(f"There is no job {id}, or it is not yours to see.")


def own_job(user: User | AnonymousUser, id: UUID) -> Job:
    """The job, for those who may act on it; raises like find_job, and NotAllowed for who only sees it."""
    job = find_job(user, id)
    if not can_act(user, job):
        raise NotAllowed("This job is shared with you to look at. Its owner and operators can act on it.")
    return job


def with_names(keys: Collection[str]) -> dict[str, str]:
    """Keys of limits as people read them: where a limit is `per_owner`, the owner's name for the number."""
    named = {limit.name for kind in KINDS.all() for limit in kind.limits if limit.by is per_owner}
    owners = {
        key: int(of)
        for key in keys
        for name, _, of in [key.rpartition("=")]
        if name in named and of.isdigit()
    }
    people = get_user_model().objects.in_bulk(set(owners.values())) if owners else {}
    return {
        key: f"{key.rpartition('=')[0]}={people[owners[key]].get_username()}"
        if owners.get(key) in people
        else key
        for key in keys
    }


def teams(user: User | AnonymousUser) -> QuerySet[Group]:
    """The groups this person can share a job with."""
    return user.groups.exclude(name__in=ROLES).order_by("name")


def lock_owner(owner: User) -> None:
    """Until the transaction ends nobody else counts what this owner has: two would both count one too few.

    Their jobs are accepted meanwhile: a row that refers to an owner does not wait for this lock.
    """
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner.pk)


def service_user(name: str) -> User:
    """The owner of what no person asked for (schedules, commands, the public); it cannot sign in."""
    model = get_user_model()
    naming: dict[str, Any] = {model.USERNAME_FIELD: SERVICE + name}
    user, is_new = model.objects.get_or_create(**naming)
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user
