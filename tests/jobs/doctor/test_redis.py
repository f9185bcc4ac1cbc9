"""What doctor says of a real Redis that was set wrongly, is full, read-only or frozen."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from celery_app import app
from core.embedded.redis import Redis
from jobs.doctor.finding import State
from tests import embedded_servers
from tests.jobs.doctor.conftest import Look, ids, of
from tests.waiting import eventually


@pytest.fixture
def durable(server: Any) -> Any:
    server.save()  # another test may have left a failed one: only a good one takes that back
    server.config_set("appendonly", "yes")
    yield server
    eventually(lambda: not server.info("persistence")["aof_rewrite_in_progress"], timeout=30)


@pytest.fixture
def frozen() -> Iterator[None]:
    """It accepts connections and says nothing."""
    if embedded_servers.REDIS is None:
        pytest.skip("needs servers of our own, not MILLRACE_TEST_EXTERNAL")
    pid = embedded_servers.REDIS.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


def test_a_durable_redis_that_evicts_nothing_is_ok(look: Look, durable: Any) -> None:
    area = look("broker")

    assert area.state is State.OK
    assert "noeviction, append-only file" in area.seen.text


def test_a_redis_without_disk_is_a_warning(look: Look, server: Any) -> None:
    assert of(look("broker"), "redis.forgets").state is State.WARNING


@pytest.mark.parametrize(
    ("policy", "limit", "state"),
    [
        ("allkeys-lru", "100mb", State.PROBLEM),
        ("allkeys-lru", "0", State.WARNING),
        ("volatile-ttl", "100mb", State.WARNING),
    ],
)
def test_a_redis_that_evicts_is_told_with_the_command_that_ends_it(
    look: Look, durable: Any, policy: str, limit: str, state: State
) -> None:
    durable.config_set("maxmemory-policy", policy)
    durable.config_set("maxmemory", limit)

    found = of(look("broker"), "redis.evicts")

    assert found.state is state
    assert policy in found.found
    assert "CONFIG SET maxmemory-policy noeviction" in found.remedy


def test_a_redis_that_is_nearly_full_is_told_before_it_is(look: Look, durable: Any) -> None:
    used = durable.info("memory")["used_memory"]
    durable.config_set("maxmemory", int(used * 1.15))

    area = look("broker")

    assert of(area, "redis.memory").state is State.WARNING
    assert "redis.full" not in ids(area)


def test_a_full_redis_is_found_by_a_write_that_changes_nothing(look: Look, durable: Any) -> None:
    durable.config_set("maxmemory", "1kb")

    found = of(look("broker"), "redis.full")

    durable.config_set("maxmemory", "0")
    assert found.state is State.PROBLEM
    assert durable.keys("*doctor*") == []


def test_a_read_only_replica_is_a_problem(look: Look, durable: Any) -> None:
    durable.replicaof("127.0.0.1", "9")

    found = of(look("broker"), "redis.readonly")

    assert found.state is State.PROBLEM
    assert "of 127.0.0.1:9" in found.found
    assert "REPLICAOF NO ONE" in found.remedy


def test_a_disk_that_takes_no_snapshot_is_a_problem(
    look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = Redis(tmp_path / "redis", is_durable=False)
    own.start()
    try:
        monkeypatch.setitem(app.conf, "broker_url", own.url)
        with redis.Redis.from_url(own.url) as client:
            client.config_set("save", "3600 1")
            client.set("a", "b")
            shutil.rmtree(own.directory)
            client.bgsave()
            eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", timeout=30)

        area = look("broker")
    finally:
        own.kill()

    assert of(area, "redis.disk").state is State.PROBLEM


def test_a_frozen_redis_is_not_waited_for(look: Look, frozen: None) -> None:
    begun = time.monotonic()

    area = look("broker", seconds=1)

    # Its client gives up after some seconds, and would not be heard.
    assert of(area, "broker.silent").state is State.UNKNOWN
    assert "did not answer in 1 s" in area.seen.text
    assert time.monotonic() - begun < 30


def test_a_broker_that_is_away_is_named_without_its_password(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.conf, "broker_url", "redis://ada:s3cret@127.0.0.1:9/0")

    area = look("broker")

    found = of(area, "broker.away")
    assert found.state is State.UNKNOWN
    assert "127.0.0.1:9" in found.found
    assert "s3cret" not in found.found + area.seen.text
