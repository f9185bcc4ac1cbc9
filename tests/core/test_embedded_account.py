"""As whom PostgreSQL runs."""

import os
from collections.abc import Iterator

import pytest

from core.embedded import account
from core.embedded.account import Account, choose_account
from core.embedded.errors import EmbeddedError


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    """The choice is made once in a process; here it is made anew."""
    choose_account.cache_clear()
    yield
    choose_account.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, *, uid: int, possible: set[Account]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(account, "can_use", lambda wanted: wanted in possible)


def test_a_plain_user_runs_it_as_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, uid=1000, possible=set())

    assert choose_account() is Account.SELF


def test_root_prefers_a_namespace_because_it_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, uid=0, possible={Account.NAMESPACE, Account.NOBODY})

    assert choose_account() is Account.NAMESPACE


def test_root_without_namespaces_lends_it_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, uid=0, possible={Account.NOBODY})

    assert choose_account() is Account.NOBODY


def test_root_without_any_way_is_asked_for_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, uid=0, possible=set())

    with pytest.raises(EmbeddedError, match="set DATABASE_URL"):
        choose_account()
