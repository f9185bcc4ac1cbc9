"""People at the pages: Alice may submit, Bob is in her group, Charlie is a stranger, Olga operates."""

from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from jobs import rate
from jobs.conf import conf
from jobs.registry import KINDS, Kind
from tests.running import make_kind

Declare = Callable[..., Kind]


@pytest.fixture(autouse=True)
def rested_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test may have taken the cache away; a busy machine may be slow; no window ends in a test."""
    monkeypatch.setattr(rate, "_rest_until", 0.0)
    monkeypatch.setattr(rate, "PATIENCE_SECONDS", 20)
    monkeypatch.setattr(rate, "clock", lambda: 1_800_000_100.0)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """The real hashes take as long as they should."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def silence(rung: list[str]) -> list[str]:
    """No bell of these tests reaches a worker."""
    return rung


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[None]:
    """An installation whose mail all goes to one address."""
    settings.MILLRACE = settings.MILLRACE | {"email_redirect_to": "sandbox@example.org"}
    conf.cache_clear()
    yield
    conf.cache_clear()


def at_the_door(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(submitter: User) -> Client:
    """Alice's browser."""
    return at_the_door(submitter)


@pytest.fixture
def office(operator: User) -> Client:
    """The operator's browser."""
    return at_the_door(operator)


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Declare a kind for this test."""

    def declare(payload: type[pydantic.BaseModel], name: str = "test.form", **fields: Any) -> Kind:
        kind = make_kind(name, payload, **fields)
        monkeypatch.setattr(KINDS, "_kinds", {**KINDS._kinds, name: kind})
        return kind

    return declare
