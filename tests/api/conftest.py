"""Programs at the door: Alice may submit, Bob is in her group, Charlie is a stranger, Olga operates."""

from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pydantic import Field
from pytest_django import Settings

from jobs import rate, tokens
from jobs.api import limits
from jobs.conf import conf
from jobs.registry import KINDS, Kind
from jobs.tokens import Scope, make_token
from tests.running import make_kind

BASE = "/api/v1"
Program = Callable[..., Client]


class Frame(pydantic.BaseModel, extra="forbid"):
    """A payload with a rule or two."""

    width: int = Field(ge=16, le=4096)
    title: str = "no title"
    more: Any = None


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, rung: list[str]) -> Iterator[None]:
    """No bell of these tests reaches a worker, limits are rested, no token is remembered."""
    monkeypatch.setattr(rate, "_rest_until", 0.0)
    monkeypatch.setattr(rate, "PATIENCE_SECONDS", 20)
    tokens.forget_known()
    yield
    tokens.forget_known()


@pytest.fixture
def setting(settings: Settings) -> Iterator[Callable[..., None]]:
    """Change settings of ours for one test."""

    def change(**given: Any) -> None:
        settings.MILLRACE = settings.MILLRACE | given
        conf.cache_clear()

    limits._counts.clear()
    cache.clear()
    yield change
    conf.cache_clear()
    limits._counts.clear()


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> Kind:
    kind = make_kind("test.frame", Frame, queue="frames", example={"width": 256})
    monkeypatch.setattr(KINDS, "_kinds", {**KINDS._kinds, kind.name: kind})
    return kind


def program(user: User, *scopes: str) -> Client:
    """A client that sends a token of this user's; with every scope unless some are named."""
    secret = make_token(user, name="tests", scopes=scopes or list(Scope)).secret
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


@pytest.fixture
def api(submitter: User) -> Client:
    """Alice's program."""
    return program(submitter)


@pytest.fixture
def office(operator: User) -> Client:
    """The operator's program."""
    return program(operator)


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    """Send JSON; header names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = "" if body is None else body
    return client.post(BASE + path, data, content_type="application/json", headers=named)
