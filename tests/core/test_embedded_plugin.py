"""The servers the whole suite stands on."""

import os

import psycopg
import redis

from tests import embedded_servers
from tests.waiting import eventually


def test_the_suite_talks_to_a_real_postgresql() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT current_database()").fetchone()

    assert row == ("millrace",)


def test_the_suite_talks_to_a_real_redis() -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert client.ping()


def test_a_killed_redis_comes_back_on_its_port() -> None:
    server = embedded_servers.REDIS
    assert server is not None
    before = server.port

    server.kill()
    server.start()

    assert server.port == before
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        assert eventually(client.ping)
