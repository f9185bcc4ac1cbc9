"""Whose a job is, who may see it, and what the roles may do."""

import importlib
from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.utils import timezone
from pydantic import BaseModel

from jobs.errors import Gone, NotFound
from jobs.limit import Limit, per_owner
from jobs.models import Job, Tombstone
from jobs.owners import can_operate, can_submit, find_job, service_user, visible_jobs, with_names
from jobs.registry import KINDS
from tests.running import make_kind

pytestmark = pytest.mark.django_db


def person(name, *rights):
    user = get_user_model().objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def job_of(owner, group=None):
    return Job.objects.create(
        id=uuid4(), kind="a.b", queue="default", state="queued", payload={}, owner=owner, group=group
    )


@pytest.fixture
def alice():
    return person("alice")


def test_people_see_their_own_jobs_and_those_of_their_groups(alice):
    team = Group.objects.create(name="team")
    bob, charlie = person("bob"), person("charlie")
    bob.groups.add(team)
    shared, private = job_of(alice, team), job_of(alice)

    assert set(visible_jobs(alice)) == {shared, private}
    assert set(visible_jobs(bob)) == {shared}
    assert set(visible_jobs(charlie)) == set()


def test_an_operator_sees_everything(alice):
    job = job_of(alice)

    assert find_job(person("olga", "operate_job"), job.id) == job


def test_what_is_not_yours_is_not_there(alice):
    job = job_of(alice)

    with pytest.raises(NotFound) as refused:
        find_job(person("charlie"), job.id)

    assert not isinstance(refused.value, Gone)


def test_a_purged_job_is_gone_for_its_owner_and_unknown_to_strangers(alice):
    stone = Tombstone.objects.create(id=uuid4(), owner=alice, until=timezone.now() + timedelta(days=1))

    with pytest.raises(Gone):
        find_job(alice, stone.id)
    with pytest.raises(Gone):
        find_job(person("olga", "operate_job"), stone.id)
    with pytest.raises(NotFound) as stranger:
        find_job(person("charlie"), stone.id)
    assert not isinstance(stranger.value, Gone)


def test_an_old_tombstone_says_nothing_more(alice):
    stone = Tombstone.objects.create(id=uuid4(), owner=alice, until=timezone.now() - timedelta(days=1))

    with pytest.raises(NotFound) as refused:
        find_job(alice, stone.id)

    assert not isinstance(refused.value, Gone)


def test_a_service_user_is_made_once_and_cannot_sign_in():
    first, second = service_user("public"), service_user("public")

    assert first == second
    assert not first.has_usable_password()


def test_making_the_roles_twice_is_the_same_as_once():
    migration = importlib.import_module("jobs.migrations.0002_roles")
    Group.objects.filter(name="operator").delete()

    for _ in range(2):
        migration.make_roles(apps, None)

    submitter, operator, admin = person("s"), person("o"), person("a")
    for user, role in ((submitter, "submitter"), (operator, "operator"), (admin, "admin")):
        user.groups.add(Group.objects.get(name=role))
    assert [can_submit(user) for user in (submitter, operator, admin)] == [True, True, True]
    assert [can_operate(user) for user in (submitter, operator, admin)] == [False, True, True]
    assert [user.has_perm("auth.change_user") for user in (submitter, operator, admin)] == [
        False,
        False,
        True,
    ]
    assert Permission.objects.filter(codename="operate_job").count() == 1


def test_a_key_that_counts_by_owner_shows_a_name_and_any_other_key_itself(alice, monkeypatch):
    class Payload(BaseModel):
        pass

    limits = [Limit("owner", by=per_owner, at_once=1), Limit("order", by=lambda *_: "1", at_once=1)]
    kind = make_kind("test.limited", Payload, limits=limits)
    monkeypatch.setattr(KINDS, "_kinds", {kind.name: kind})
    keys = [f"owner={alice.pk}", "owner=987654321", f"order={alice.pk}", "plain", "owner=x"]

    assert with_names(keys) == dict(zip(keys, ["owner=alice", *keys[1:]], strict=True))
