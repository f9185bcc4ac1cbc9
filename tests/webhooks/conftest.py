"""What the tests of webhooks share: a receiver, and an installation that lets loopback in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from pytest_django import Settings

from jobs.conf import conf
from jobs.database import OwnDatabase
from jobs.models import Webhook
from jobs.webhooks.endpoints import Wish, create_endpoint
from tests.factories import make_user
from tests.webhooks import receiver
from tests.webhooks.receiver import Receiver

LET_IN = {
    "webhook_networks": ("127.0.0.0/8", "::1"),
    "webhook_ports": (),
    "webhook_http": True,
    "webhook_seconds": 5,
    "endpoints_per_minute": 0,
}
SetConf = Callable[..., None]


@pytest.fixture
def set_conf(settings: Settings) -> Iterator[SetConf]:
    """Settings of ours for one test."""

    def change(**given: Any) -> None:
        settings.MILLRACE = settings.MILLRACE | given
        conf.cache_clear()

    yield change
    conf.cache_clear()


@pytest.fixture
def inbox(set_conf: SetConf) -> Iterator[Receiver]:
    """A receiver that may be called."""
    set_conf(**LET_IN)
    with receiver.running() as server:
        yield server


def submitter(user: User) -> User:
    user.groups.add(Group.objects.get(name="submitter"))
    return User.objects.get(pk=user.pk)  # without remembered permissions


def operator(user: User) -> User:
    user.groups.add(Group.objects.get(name="operator"))
    return User.objects.get(pk=user.pk)


def make_endpoint(url: str, owner: User | None = None, **wish: Any) -> Webhook:
    """An endpoint of Alice's."""
    return make_endpoint_and_secret(url, owner, **wish)[0]


def make_endpoint_and_secret(url: str, owner: User | None = None, **wish: Any) -> tuple[Webhook, str]:
    who = owner or make_user()
    if not who.has_perm("millrace_jobs.submit_job"):
        # A test that empties tables takes the roles along; the right is what counts.
        who.user_permissions.add(Permission.objects.get(codename="submit_job"))
        who = User.objects.get(pk=who.pk)
    return create_endpoint(who, Wish(url=url, **wish))


@pytest.fixture
def own(transactional_db: None) -> Iterator[OwnDatabase]:
    """For tests about what another connection sees."""
    database = OwnDatabase("test")
    yield database
    database.close()
