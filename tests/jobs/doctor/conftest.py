"""Doctor on real servers, asked as the shell asks it, and by area."""

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
import redis
from django.db import connection

from jobs.doctor.examine import examine
from jobs.doctor.finding import Area, Finding
from jobs.doctor.probes import all_probes
from tests.worker_process import database_url

Look = Callable[..., Area]


@pytest.fixture
def look() -> Look:
    """One area (and the ground it stands on), as `manage.py doctor` sees it."""

    def look_at(name: str, *, seconds: float = 30) -> Area:
        asked = next(probe for probe in all_probes() if probe.name == name)
        wanted = [probe for probe in all_probes() if probe.name in {name, asked.needs}]
        return next(area for area in examine(wanted, seconds=seconds) if area.name == name)

    return look_at


@pytest.fixture
def server() -> Iterator["redis.Redis[bytes]"]:
    """The suite's Redis, empty; whatever was set is set back."""
    with redis.Redis.from_url(os.environ["BROKER_URL"]) as client:
        client.flushall()
        names = ("maxmemory-policy", "maxmemory", "save", "appendonly", "stop-writes-on-bgsave-error")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        client.replicaof("NO", "ONE")
        for name, value in before.items():
            client.config_set(name, value)
        client.flushall()


def open_second() -> "psycopg.Connection[tuple[object, ...]]":
    """Somebody else's connection to the test's database, called `somebody`."""
    return psycopg.connect(database_url(), application_name="somebody", autocommit=False)


def of(area: Area, id: str) -> Finding:
    """The one finding of that id."""
    found = [finding for finding in area.seen.findings if finding.id == id]
    assert len(found) == 1, [finding.id for finding in area.seen.findings]
    return found[0]


def ids(area: Area) -> set[str]:
    return {finding.id for finding in area.seen.findings}


def sql(statement: str) -> None:
    """Committed at once."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
