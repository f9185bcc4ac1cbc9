"""Redis from a wheel."""

import os
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.embedded import redis as embedded
from core.embedded.errors import EmbeddedError
from core.embedded.redis import Redis

ONCE = Retry(NoBackoff(), retries=0)


def test_what_was_written_survives_a_restart(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis") as server, redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")

        server.restart()

        assert client.get("kept") == b"yes"


def test_whoever_lacks_the_password_is_turned_away(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis", password="right") as server:
        with pytest.raises(redis.AuthenticationError), redis.Redis(port=server.port, retry=ONCE) as stranger:
            stranger.ping()
        with redis.Redis.from_url(server.url) as friend:
            assert friend.ping()


def test_it_refuses_rather_than_forgets(tmp_path: Path) -> None:
    with Redis(tmp_path / "redis") as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_server_on_the_path_serves_where_no_wheel_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis-server").symlink_to(embedded.find_server())
    monkeypatch.setattr(embedded, "WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    with Redis(tmp_path / "redis") as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_a_platform_without_any_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(EmbeddedError, match="set BROKER_URL and REDIS_URL"):
        embedded.find_server()
