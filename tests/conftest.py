"""What every room of the suite shares."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from jobs import broker
from jobs.database import DjangoDatabase
from tests.factories import give, make_user
from tests.web_process import WebProcess
from workers.events import Events
from workers.record import Record
from workers.runner import Runner

# How long an example takes is the machine's doing, and no promise.
hypothesis_settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("any machine")


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie")


@pytest.fixture
def submitter(db: None) -> User:
    """Alice, who may submit."""
    return give(make_user("alice"), "submit_job")


@pytest.fixture
def operator(db: None) -> User:
    """Olga, who may also see and act on everybody's jobs."""
    return give(make_user("olga"), "submit_job", "operate_job")


@pytest.fixture
def web(transactional_db: None, tmp_path: Path) -> Iterator[WebProcess]:
    """A real web process, beside this one."""
    with WebProcess(tmp_path / "web.log") as web:
        yield web


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    """Every test keeps its files in a folder of its own."""
    folder = tmp_path / "files"
    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"] | {"OPTIONS": {"location": str(folder), "base_url": None}}
    }
    assert storages["default"].location == str(folder)  # type: ignore[attr-defined]
    return folder


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queues that were rung for, instead of bells in the broker."""
    heard: list[str] = []
    monkeypatch.setattr(broker.RINGER, "ring", heard.append)
    monkeypatch.setattr(broker.RINGER, "ring_early", lambda queue, job: None)
    return heard


@pytest.fixture
def rung_at_once(rung: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The same for tests inside a transaction that never commits: nothing waits for the commit."""
    monkeypatch.setattr(DjangoDatabase, "after_commit", lambda self, call: call())
    return rung


@pytest.fixture
def runner(rung: list[str]) -> Iterator[Runner]:
    """A child's runner, its record open, in this process."""
    Record.make_folder()
    record = Record(0, uuid4())
    record.open()
    runner = Runner(record.holder, record, Events("test"))
    yield runner
    runner.db.close()
    runner.leases.db.close()
    record.close()
